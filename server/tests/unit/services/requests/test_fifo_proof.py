"""The proof counts what overtook, and nothing else."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from src.models import Priority
from src.services.requests.fifo_proof import FifoProof, Milestones, inversions
from src.services.requests.fifo_proof import prove as prove_with

START = datetime(2026, 1, 31, tzinfo=UTC)


def at(second: int | None) -> datetime | None:
    return None if second is None else START + timedelta(seconds=second)


def prove(milestones: list[Milestones]) -> FifoProof:
    return prove_with(milestones, lambda lane: f"{lane.caller}@{lane.receiver}")


def passed(
    position: int,
    generated: int | None,
    delivered: int | None,
    receiver: str = "a",
    caller: str = "c",
    priority: Priority = Priority.NORMAL,
) -> Milestones:
    return Milestones(
        request_id=UUID(int=position),
        queue_position=position,
        caller=caller,
        receiver=receiver,
        priority=priority,
        generated_at=at(generated),
        delivered_at=at(delivered),
    )


@given(st.lists(st.integers(0, 50), max_size=60))
def test_inversions_are_the_pairs_that_stand_the_wrong_way(seconds: list[int]) -> None:
    expected = sum(earlier > later for earlier, later in combinations(seconds, 2))

    assert inversions([START + timedelta(seconds=second) for second in seconds]) == expected


def test_an_order_that_was_kept_has_no_inversions() -> None:
    proof = prove([passed(3, 30, 33), passed(1, 10, 11), passed(2, 20, 22)])

    assert (proof.checked, proof.generation_inversions, proof.delivery_inversions) == (3, 0, 0)
    assert [(e.accepted_rank, e.generated_rank, e.delivered_rank) for e in proof.entries] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
    ]


def test_one_that_overtook_is_counted_and_shown() -> None:
    proof = prove([passed(1, 20, 40), passed(2, 10, 30)])

    assert (proof.generation_inversions, proof.delivery_inversions) == (1, 1)
    assert [entry.generated_rank for entry in proof.entries] == [2, 1]


def test_receivers_do_not_wait_for_each_other_so_they_are_not_compared() -> None:
    proof = prove([passed(1, 10, 90, "slow"), passed(2, 20, 21, "fast")])

    assert proof.delivery_inversions == 0
    assert [entry.delivered_rank for entry in proof.entries] == [2, 1]


def test_callers_do_not_wait_for_each_other_at_one_receiver() -> None:
    proof = prove([passed(1, 10, 90, "a", "slow"), passed(2, 20, 21, "a", "fast"), passed(3, 30, 89, "a", "slow")])

    assert proof.delivery_inversions == 1
    assert [entry.lane for entry in proof.entries] == ["slow@a", "fast@a", "slow@a"]


def test_priorities_overtake_each_other_and_keep_their_own_order() -> None:
    low, high = Priority.LOW, Priority.HIGH
    proof = prove(
        [
            passed(1, 50, 60, priority=low),
            passed(2, 10, 12, priority=high),
            passed(3, 40, 41, priority=low),
            passed(4, 11, 13, priority=high),
        ]
    )

    assert (proof.generation_inversions, proof.delivery_inversions) == (1, 1)  # the two low ones
    assert [entry.priority for entry in proof.entries] == [low, high, low, high]


def test_what_has_not_happened_has_no_rank() -> None:
    proof = prove([passed(1, None, None), passed(2, None, None)])

    assert [(entry.generated_rank, entry.delivered_rank) for entry in proof.entries] == [(None, None)] * 2
    assert prove([]).checked == 0
