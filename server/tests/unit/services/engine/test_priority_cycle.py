"""Between priorities turns go by a fixed cycle: nobody waits longer than a round, and shares are exact."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.models import Priority
from src.services.engine.priority_cycle import ORDER, PriorityCycle

HIGH, NORMAL, LOW = ORDER
CYCLE = PriorityCycle.of((8, 3, 1))
SHARES = st.tuples(*[st.integers(1, 30)] * 3)
COUNTS = st.fixed_dictionaries({each: st.integers(0, 60) for each in ORDER})


def test_the_cycle_of_the_default_is_laid_out_smoothly() -> None:
    assert "".join(priority.name[0] for priority in CYCLE.places) == "HNHHLHNHHHNH"


@given(shares=SHARES)
def test_a_cycle_gives_each_priority_its_share(shares: tuple[int, int, int]) -> None:
    assert Counter(PriorityCycle.of(shares).places) == dict(zip(ORDER, shares, strict=True))


@given(arrivals=st.lists(st.sets(st.sampled_from(ORDER)), min_size=1, max_size=40), watched=st.sampled_from(ORDER))
def test_the_head_of_a_priority_begins_within_twelve_starts_whoever_comes_and_goes(
    arrivals: list[set[Priority]], watched: Priority
) -> None:
    at, waited = 0, 0
    for others in arrivals:
        begun, at = CYCLE.next(others | {watched}, at)
        waited = 0 if begun is watched else waited + 1
        assert waited < 12


@given(rounds=st.integers(1, 100), at=st.integers(0, 11))
def test_shares_are_exact_while_all_wait(rounds: int, at: int) -> None:
    begun: Counter[Priority] = Counter()
    for _ in range(12 * rounds):
        priority, at = CYCLE.next(ORDER, at)
        begun[priority] += 1

    assert begun == {HIGH: 8 * rounds, NORMAL: 3 * rounds, LOW: rounds}


@given(others=st.lists(st.sampled_from([{NORMAL}, {LOW}, {NORMAL, LOW}]), min_size=1))
def test_a_high_one_that_comes_while_only_others_were_served_begins_next(others: list[set[Priority]]) -> None:
    at = 0
    for waiting in others:
        _, at = CYCLE.next(waiting, at)

    assert CYCLE.next({HIGH, *others[-1]}, at)[0] is HIGH


@given(shares=SHARES, ahead=COUNTS, priority=st.sampled_from(ORDER), at=st.integers(0, 2))
def test_starts_before_a_request_are_those_that_are_counted_one_by_one(
    shares: tuple[int, int, int], ahead: dict[Priority, int], priority: Priority, at: int
) -> None:
    cycle = PriorityCycle.of(shares)
    left, place, begun = dict(ahead), at, 0
    while True:
        chosen, place = cycle.next({each for each in ORDER if left[each]} | {priority}, place)
        if chosen is priority and not left[priority]:
            break
        left[chosen] -= 1
        begun += 1

    assert cycle.starts_before(priority, ahead, at) == begun


def test_heads_are_put_into_the_order_in_which_they_begin() -> None:
    heads = {NORMAL: ["n1", "n2"], LOW: ["l1", "l2"], HIGH: ["h1"]}

    assert CYCLE.in_order(heads, 10) == ["h1", "n1", "l1", "n2", "l2"]
    assert CYCLE.in_order(heads, 2) == ["h1", "n1"]
    # Behind its second place: H H L H N …
    assert CYCLE.in_order(heads, 10, at=2) == ["h1", "l1", "n1", "n2", "l2"]


def test_where_nobody_waits_nobody_is_chosen() -> None:
    with pytest.raises(ValueError, match="No priority"):
        CYCLE.next(set(), 0)
