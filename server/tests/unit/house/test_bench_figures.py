"""What `make bench` makes of its figures."""

import itertools
import json
from pathlib import Path

import pytest

from bench.figures import Goal, Row, at_least, at_most, changes, percentile, spread
from bench.harness import interleave
from bench.results import Store, table


def row(ours: list[float], baseline: list[float], goal: Goal) -> Row:
    return Row(measure="jobs/s", unit="/s", ours=ours, baseline=baseline, goal=goal, we="a", they="b", same_work="yes")


@pytest.mark.parametrize(
    ("ours", "goal", "met"),
    [
        ([60, 1, 90], at_least(2), True),
        ([59, 1, 90], at_least(2), False),
        ([60, 1, 90], at_most(2), True),
        ([61, 1, 90], at_most(2), False),
        ([40, 1, 90], at_most(10, "difference"), True),
        ([41, 1, 90], at_most(10, "difference"), False),
        ([40, 1, 90], at_most(40, "value"), True),
        ([41, 1, 90], at_most(40, "value"), False),
    ],
)
def test_medians_decide_whether_a_goal_is_met(ours: list[float], goal: Goal, met: bool) -> None:
    assert row(ours, [30, 29, 31], goal).met is met


def test_what_is_stored_agrees_with_itself() -> None:
    stored = row([2, 8, 4], [1, 2, 3], at_least(3)).to_json(quick=True)

    assert (stored["ours"], stored["baseline"], stored["ratio"]) == (4, 2, 2)
    assert (stored["goal"], stored["met"], stored["quick"]) == ("≥ 3", False, True)
    assert stored["ours_spread"] == [2, 8]
    assert stored["ratio_spread"] == [4 / 3, 4]


def test_a_row_without_a_baseline_has_no_ratio() -> None:
    stored = row([1.5], [], at_most(2, "value", "s")).to_json(quick=False)

    assert (stored["ratio"], stored["baseline"], stored["met"], stored["goal"]) == (None, None, True, "≤ 2 s")


def test_a_percentile_is_one_of_the_figures() -> None:
    figures = list(range(1, 101))

    assert [percentile(figures, percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7], 95) == 7
    assert percentile([1, 2], 50) == 1
    assert spread([]) == []


@pytest.mark.parametrize(
    ("goal", "ratio", "worse"),
    [(at_least(1), 7.9, True), (at_least(1), 8.1, False), (at_most(1), 12.4, False), (at_most(1), 12.6, True)],
)
def test_a_ratio_that_worsened_by_more_than_a_quarter_is_pointed_out(goal: Goal, ratio: float, worse: bool) -> None:
    stored = [row([10], [1], goal).to_json(quick=False)]

    [change] = changes([row([ratio], [1], goal)], stored, quick=False)

    assert change.worse is worse
    assert change.factor == ratio / 10


def test_a_quick_run_is_compared_with_quick_runs_only() -> None:
    stored = [row([10], [1], at_least(1)).to_json(quick=False)]

    assert changes([row([5], [1], at_least(1))], stored, quick=True) == []


def test_a_run_of_some_groups_does_not_forget_the_others(tmp_path: Path) -> None:
    one, other = row([10], [1], at_least(1)), row([3], [1], at_least(1))
    store = Store(tmp_path / "build")

    store.save([one], quick=False)
    store.save([other], quick=True)
    said = store.save([row([5], [1], at_least(1))], quick=False)

    assert said == "jobs/s: 0.50 times the last run  WORSE"
    previous = json.loads((tmp_path / "build" / "bench.previous.json").read_text())
    assert [(found["quick"], found["ours"]) for found in previous] == [(False, 10), (True, 3)]
    assert [found["ours"] for found in json.loads((tmp_path / "build" / "bench.json").read_text())] == [5]


def test_sides_take_turns_and_change_who_goes_first() -> None:
    turns = itertools.count(1)

    results = interleave({"a": lambda: next(turns), "b": lambda: next(turns)}, 3)

    assert results == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_a_missed_goal_stays_in_the_table() -> None:
    assert "MISSED" in table([row([1], [1], at_least(2))])
