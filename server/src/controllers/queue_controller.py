"""Use cases around the queue: what waits, what is delivered, and the evidence for its order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from src.errors import NotFound
from src.services.delivery.sender import LaneState
from src.services.engine.protocol import EngineState
from src.services.parts import Parts
from src.services.requests.fifo_proof import FifoProof, prove
from src.services.requests.reader import QueueDepth
from src.services.requests.records import LaneKey

NEXT_SHOWN_MAX = 50
LANES_SHOWN_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The queue at one moment."""

    depth: QueueDepth
    oldest_age_ms: int | None
    processing: Row[Any] | None
    next: Sequence[Row[Any]]
    worker: EngineState
    lanes: Sequence[LaneState]
    #: Callbacks owed, by lane.
    owed: dict[LaneKey, int]


async def look(parts: Parts) -> Queue:
    """Look at the queue, the worker and the lanes."""
    depth = await parts.reader.depth(parts.now())
    lanes = (await parts.engine.lanes())[:LANES_SHOWN_MAX]
    oldest = depth.oldest_waiting_at
    return Queue(
        depth=depth,
        oldest_age_ms=None if oldest is None else max(0, round((parts.now() - oldest).total_seconds() * 1000)),
        processing=await parts.reader.processing(),
        next=await parts.reader.next_waiting(NEXT_SHOWN_MAX),
        worker=parts.engine.state(),
        lanes=lanes,
        owed=await parts.reader.owed_by_lane([lane.key for lane in lanes]),
    )


async def resume(parts: Parts, lane: LaneKey) -> None:
    """End what holds a lane: its own pause, and that of its receiver.

    Raises:
        NotFound: nothing does.
    """
    if not await parts.store.resume(lane):
        raise NotFound("No receiver of this name is paused; write it as GET /api/queue does: scheme, host and port.")
    parts.engine.receivers_changed([lane.receiver])


async def probe(parts: Parts, lane: LaneKey) -> None:
    """Make one attempt in a paused lane now; where it fails the pause stays.

    Raises:
        NotFound: it is not paused.
    """
    if not await parts.store.probe(lane, parts.now()):
        raise NotFound("No receiver of this name is paused; write it as GET /api/queue does: scheme, host and port.")
    parts.engine.receivers_changed([lane.receiver])


async def prove_order(parts: Parts, limit: int) -> FifoProof:
    """Compare the orders of acceptance, generation and delivery over the newest requests."""
    return prove(await parts.reader.milestones(limit), parts.lane_ids)
