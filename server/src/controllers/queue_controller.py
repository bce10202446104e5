"""Use cases of the queue: its state, control of its receivers, and the evidence for its order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from src.errors import Invalid, NotFound
from src.services.delivery.lane_ids import LaneIds
from src.services.delivery.sender import LaneState
from src.services.engine.priority_cycle import PriorityCycle
from src.services.engine.protocol import Engine, EngineState
from src.services.engine.visible_state import visible_state
from src.services.identity.caller import View
from src.services.requests.fifo_proof import FifoProof, prove
from src.services.requests.past_queue import PastQueue
from src.services.requests.reader import QueueDepth, RequestReader
from src.services.requests.records import LaneKey
from src.services.requests.store import RequestStore

NEXT_SHOWN_MAX = 50
LANES_SHOWN_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Snapshot of the queue."""

    depth: QueueDepth
    oldest_age_ms: int | None
    processing: Row[Any] | None
    next: Sequence[Row[Any]]
    worker: EngineState
    lanes: Sequence[LaneState]
    #: Number of undelivered callbacks, by lane.
    owed: dict[LaneKey, int]


async def snapshot(
    reader: RequestReader, engine: Engine, priorities: PriorityCycle, view: View, now: datetime
) -> Queue:
    """Return the state of the queue, the worker and the lanes."""
    depth = await reader.depth(now, view)
    lanes = [lane for lane in await engine.lanes() if view.shows_caller(lane.key.caller)][:LANES_SHOWN_MAX]
    oldest = depth.oldest_waiting_at
    worker = await visible_state(reader, engine, view)
    return Queue(
        depth=depth,
        oldest_age_ms=None if oldest is None else max(0, round((now - oldest).total_seconds() * 1000)),
        processing=await reader.processing(view),
        next=priorities.in_order(await reader.next_waiting(NEXT_SHOWN_MAX, view), NEXT_SHOWN_MAX, worker.cycle_at),
        worker=worker,
        lanes=lanes,
        owed=await reader.owed_by_lane([lane.key for lane in lanes]),
    )


async def look_back(reader: RequestReader, at: datetime, view: View, now: datetime) -> PastQueue:
    """Return the state of the queue at a moment in the past.

    Raises:
        Invalid: that moment precedes the retained history, or lies in the future.
    """
    if at > now:
        raise Invalid("This moment has not come.", "at")
    kept_since = await reader.past_queues.kept_since(view)
    if kept_since is None or at < kept_since:
        since = "no request is kept" if kept_since is None else f"the oldest request is of {kept_since.isoformat()}"
        raise Invalid(f"Nothing is kept from that moment: {since}.", "at")
    return await reader.past_queues.at(at, view)


async def resume(store: RequestStore, engine: Engine, lane: LaneKey) -> None:
    """End the pause of a lane and that of its receiver.

    Raises:
        NotFound: neither is paused.
    """
    if not await store.resume(lane):
        raise NotFound("No receiver of this name is paused; write it as GET /api/queue does: scheme, host and port.")
    engine.receivers_changed([lane.receiver])


async def probe(store: RequestStore, engine: Engine, lane: LaneKey, now: datetime) -> None:
    """Make one attempt in a paused lane now; the pause remains if it fails.

    Raises:
        NotFound: it is not paused.
    """
    if not await store.probe(lane, now):
        raise NotFound("No receiver of this name is paused; write it as GET /api/queue does: scheme, host and port.")
    engine.receivers_changed([lane.receiver])


async def prove_order(reader: RequestReader, lane_ids: LaneIds, view: View, limit: int) -> FifoProof:
    """Compare the orders of acceptance, generation and delivery over the newest requests."""
    return prove(await reader.milestones(limit, view), lane_ids)
