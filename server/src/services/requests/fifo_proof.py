"""Evidence for first in, first out: compares the orders of acceptance, generation and delivery."""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from src.models import Priority
from src.services.requests.records import LaneKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestones:
    """When one request reached each stage; None if it has not."""

    request_id: UUID
    queue_position: int
    caller: str
    #: Null where no callback is wanted.
    receiver: str | None
    priority: Priority
    generated_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """The rank of one request in each of the three orders, counted from 1."""

    request_id: UUID
    queue_position: int
    receiver: str | None
    #: The public id of its lane, which does not reveal the caller; None without a callback.
    lane: str | None
    priority: Priority
    accepted_rank: int
    generated_rank: int | None
    delivered_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoProof:
    """The requests that were compared, and the number of pairs out of order.

    Generation is compared within a priority, delivery within a lane and a priority.
    """

    checked: int
    generation_inversions: int
    delivery_inversions: int
    entries: Sequence[Ranks]


def prove(milestones: Iterable[Milestones], name_lane: Callable[[LaneKey], str]) -> FifoProof:
    """Compare the order of acceptance with those of generation and delivery.

    Args:
        milestones: those of the requests to compare, without redelivered ones.
        name_lane: returns the public id of a lane.
    """
    accepted = sorted(milestones, key=lambda one: one.queue_position)
    generated = _ranks({one.request_id: one.generated_at for one in accepted})
    delivered = _ranks({one.request_id: one.delivered_at for one in accepted})
    lanes: dict[LaneKey, list[datetime]] = defaultdict(list)
    priorities: dict[Priority, list[datetime]] = defaultdict(list)
    for one in accepted:
        if one.generated_at is not None:
            priorities[one.priority].append(one.generated_at)
        if one.delivered_at is not None and one.receiver is not None:
            lanes[LaneKey(one.caller, one.receiver, one.priority)].append(one.delivered_at)
    return FifoProof(
        checked=len(accepted),
        generation_inversions=sum(map(inversions, priorities.values())),
        delivery_inversions=sum(map(inversions, lanes.values())),
        entries=[
            Ranks(
                request_id=one.request_id,
                queue_position=one.queue_position,
                receiver=one.receiver,
                lane=None if one.receiver is None else name_lane(LaneKey(one.caller, one.receiver)),
                priority=one.priority,
                accepted_rank=rank,
                generated_rank=generated.get(one.request_id),
                delivered_rank=delivered.get(one.request_id),
            )
            for rank, one in enumerate(accepted, start=1)
        ],
    )


def inversions(moments: Sequence[datetime]) -> int:
    """Count the pairs in which a later moment precedes an earlier one."""
    seen: list[datetime] = []
    count = 0
    for moment in moments:
        count += len(seen) - bisect_right(seen, moment)
        insort(seen, moment)
    return count


def _ranks(moments: dict[UUID, datetime | None]) -> dict[UUID, int]:
    passed = sorted((moment, place) for place, moment in enumerate(moments.values()) if moment is not None)
    ids = list(moments)
    return {ids[place]: rank for rank, (_, place) in enumerate(passed, start=1)}
