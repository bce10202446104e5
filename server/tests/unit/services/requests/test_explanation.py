"""Where a request's time went: spans touch and add up to the whole, whatever the times are."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.requests.explanation import Attempted, Lifetime, Paused, Span, explain, total_ms

START = datetime(2026, 1, 31, tzinfo=UTC)
OTHER = UUID(int=7)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


TIMES = st.integers(-(10**9), 10**11).map(lambda microseconds: START + timedelta(microseconds=microseconds))
ATTEMPTS = st.lists(
    st.builds(
        Attempted,
        number=st.integers(1, 9),
        begin=TIMES,
        end=TIMES,
        outcome=st.just("x"),
        next_attempt_at=st.none() | TIMES,
    ),
    max_size=6,
)
PAUSES = st.lists(st.builds(Paused, begin=TIMES, end=st.none() | TIMES, reason=st.just("x")), max_size=4)
LIVES = st.builds(
    Lifetime,
    created_at=TIMES,
    started_at=st.none() | TIMES,
    completed_at=st.none() | TIMES,
    redelivered_at=st.none() | TIMES,
    callback_finished_at=st.none() | TIMES,
    owes_callback=st.booleans(),
    ahead=st.integers(0, 10_000),
    is_cancelled=st.booleans(),
    turn_at=st.none() | TIMES,
    attempts=ATTEMPTS,
    pauses=PAUSES,
    held_by=st.none() | st.tuples(st.just(OTHER), TIMES),
    now=TIMES,
)


@given(LIVES)
def test_spans_touch_and_add_up_to_the_whole_whatever_the_times_are(life: Lifetime) -> None:
    spans = explain(life)

    assert all(before.end == after.begin for before, after in pairwise(spans))
    assert all(span.begin < span.end for span in spans)
    if spans:
        assert spans[0].begin == life.created_at
        whole = spans[-1].end - spans[0].begin
        assert sum((span.end - span.begin for span in spans), timedelta()) == whole
        assert abs(sum(span.ms for span in spans) - total_ms(spans)) < 1
    if spans and (life.completed_at is None or life.owes_callback):
        assert spans[-1].end == life.now


def lifetime(**changes: object) -> Lifetime:
    times: dict[str, object] = {
        "created_at": at(0),
        "started_at": at(12),
        "completed_at": at(12.5),
        "redelivered_at": None,
        "callback_finished_at": at(30),
        "owes_callback": False,
        "ahead": 34,
        "now": at(100),
    }
    return Lifetime(**{**times, **changes})  # type: ignore[arg-type]


def attempt(number: int, begin: float, end: float, next_attempt_at: float | None, outcome: str = "x") -> Attempted:
    again = None if next_attempt_at is None else at(next_attempt_at)
    return Attempted(number=number, begin=at(begin), end=at(end), outcome=outcome, next_attempt_at=again)


def shown(spans: list[Span]) -> list[tuple[str, float]]:
    return [(span.kind, span.ms / 1000) for span in spans]


def test_each_part_of_a_life_has_its_kind_and_names_who_was_in_the_way() -> None:
    attempts = [attempt(1, 16, 17, 20), attempt(2, 25, 30, None)]
    pauses = [Paused(begin=at(18), end=at(24), reason="5 callbacks failed.")]
    spans = explain(lifetime(attempts=attempts, pauses=pauses, held_by=(OTHER, at(15.5))))

    assert shown(spans) == [
        ("waiting", 12),
        ("generating", 0.5),
        ("held", 3),
        ("held", 0.5),
        ("attempt", 1),
        ("retry_wait", 1),
        ("paused", 2),
        ("paused", 4),
        ("held", 1),
        ("attempt", 5),
    ]
    assert (spans[0].count, spans[2].request_id, spans[4].attempt) == (34, OTHER, 1)
    assert "34 other reports" in spans[0].text
    assert str(OTHER) in spans[2].text
    assert "5 callbacks failed." in spans[6].text


def test_a_cancelled_request_whose_receiver_is_notified_waits_for_its_turn() -> None:
    notified = attempt(1, 9, 9.5, None)
    life = lifetime(started_at=None, completed_at=at(2), is_cancelled=True, turn_at=at(9), attempts=[notified])

    assert [(span.kind, span.ms) for span in explain(life)][:2] == [("waiting", 2_000), ("waiting", 7_000)]


def test_a_redelivery_follows_an_idle_time() -> None:
    attempts = [attempt(1, 12.5, 13, None), attempt(2, 40, 41, None)]
    spans = explain(lifetime(attempts=attempts, redelivered_at=at(39), callback_finished_at=at(41)))

    assert shown(spans)[2:] == [("attempt", 0.5), ("idle", 26), ("held", 1), ("attempt", 1)]


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"started_at": None, "completed_at": None, "callback_finished_at": None, "owes_callback": True}, ["waiting"]),
        ({"completed_at": None, "callback_finished_at": None, "owes_callback": True}, ["waiting", "generating"]),
        ({"callback_finished_at": None, "owes_callback": True}, ["waiting", "generating", "held"]),
        ({"started_at": at(0), "callback_finished_at": None}, ["generating"]),  # a sync request
        ({"started_at": None, "callback_finished_at": None}, ["waiting"]),  # given up before it began
    ],
)
def test_what_is_still_open_goes_on_to_now(changes: dict[str, object], kinds: list[str]) -> None:
    spans = explain(lifetime(**changes))

    assert [span.kind for span in spans] == kinds
    assert (spans[-1].end == at(100)) == (changes.get("owes_callback", False))
