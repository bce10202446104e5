"""Looking at the queue, and at the settings a caller should know."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from src import __version__
from src.config import Settings
from src.controllers import queue_controller
from src.models import Priority
from src.routes.http.dependencies import PartsDependency, ViewDependency, caller_of
from src.routes.http.problems import responses
from src.routes.http.strict_query import PlainRoute
from src.routes.wire import views
from src.routes.wire.moments import Moment
from src.routes.wire.requests import PlainText, RequestItem
from src.routes.wire.worker import WorkerHealth, worker_health
from src.services.delivery.sender import LaneState
from src.services.identity.caller import View
from src.services.requests.past_queue import PastQueue
from src.services.requests.recent_depths import COUNTED_EVERY_S
from src.services.requests.records import OF_BATCHES, LaneKey

PROOF_LIMIT_MAX = 1_000
AT = "As it was at this time, RFC 3339: from the oldest request that is kept to now."

Origin = Annotated[PlainText, Path(max_length=300, description="Scheme, host and port, as a lane shows them.")]

LaneStateName = Literal["sending", "retrying", "waiting", "paused"]

_PRIORITIES: dict[str, Priority] = {priority: priority for priority in Priority}

router = APIRouter(prefix="/api", tags=["Queue"], route_class=PlainRoute)


class Lane(BaseModel):
    """One caller's callbacks of one priority to one receiver, sent one at a time in order."""

    lane: str = Field(description="Opaque and stable; a receiver has a lane for each caller.")
    receiver: str
    priority: Priority | None = Field(
        description="Each priority keeps an order of its own, and so do redeliveries and callbacks of batches: null."
        " A paused lane is paused for all of them: null, too."
    )
    state: LaneStateName
    reason: str | None
    owed: int
    current_request_id: UUID | None
    current_batch_id: UUID | None = Field(description="Of `batch.completed`; such a lane has no priority.")
    next_attempt_at: datetime | None
    trouble: str | None = Field(description="What keeps it from going on, on our side; null when nothing does.")


class Delivering(BaseModel):
    """A callback that is under way or waits for its next attempt."""

    request_id: UUID
    queue_position: int
    receiver: str
    callback_attempts: int
    callback_next_attempt_at: datetime | None


class QueueAnswer(BaseModel):
    """The queue at one moment."""

    waiting: int
    oldest_age_ms: int | None
    processing: RequestItem | None
    next: list[RequestItem]
    delivering: list[Delivering]
    lanes: list[Lane]
    lanes_waiting: int | None = Field(
        description="Lanes that wait for a place among those that send; null where another server delivers."
    )
    worker: WorkerHealth


class PastPause(BaseModel):
    """A receiver that was paused, for one lane or for everybody."""

    model_config = ConfigDict(from_attributes=True)

    receiver: str
    reason: str
    paused_at: datetime


class PastQueueAnswer(BaseModel):
    """The queue as it was, as far as the times of what is kept tell; requests are shown as they are now."""

    at: datetime
    waiting: int
    callbacks_owed: int
    processing: list[RequestItem]
    next: list[RequestItem]
    paused: list[PastPause]
    exact: bool = Field(description="False: more may have waited, accepted before the 10,000 that were looked at.")


class Depth(BaseModel):
    """How many async requests waited for their report at a moment, and how many callbacks were owed."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime
    waiting: int
    callbacks_owed: int


class DepthsAnswer(BaseModel):
    """How much waited in the last 15 minutes, oldest first. Kept in memory: it begins with the start of the server."""

    at: datetime = Field(description="When this was answered, by the server's clock.")
    every_s: float
    samples: list[Depth]


class Ranks(BaseModel):
    """The place of one request in each of the three orders, from 1."""

    model_config = ConfigDict(from_attributes=True)

    request_id: UUID
    queue_position: int
    receiver: str | None = Field(description="Null where no callback was asked for; likewise `lane`.")
    lane: str | None = Field(description="Opaque and stable; a receiver has a lane for each caller.")
    priority: Priority
    accepted_rank: int
    generated_rank: int | None
    delivered_rank: int | None


class FifoProofAnswer(BaseModel):
    """Three orders side by side: generation within a priority, delivery within a lane and a priority."""

    model_config = ConfigDict(from_attributes=True)

    checked: int
    generation_inversions: int
    delivery_inversions: int
    entries: list[Ranks]


class ResumedAnswer(BaseModel):
    """The receiver's lane goes on."""

    receiver: str
    status: Literal["resumed"]


class ProbingAnswer(BaseModel):
    """One attempt is made now."""

    receiver: str
    status: Literal["probing"]


class PublicSettings(BaseModel):
    """What a caller may want to know of the settings."""

    demo_receiver_url: str | None
    rate_limit_sync: str
    rate_limit_async: str
    sync_max_transactions: int
    async_max_transactions: int
    simulated_ms_per_transaction: float
    simulated_max_seconds: float
    retry_delays_s: list[float]
    callback_timeout_s: float
    demo_tools: bool
    version: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Choose what is public."""
        return cls(
            demo_receiver_url=settings.demo_receiver_url if settings.demo_tools else None,
            rate_limit_sync=settings.rate_limit_sync,
            rate_limit_async=settings.rate_limit_async,
            sync_max_transactions=settings.sync_max_transactions,
            async_max_transactions=settings.async_max_transactions,
            simulated_ms_per_transaction=settings.simulated_ms_per_transaction,
            simulated_max_seconds=settings.simulated_max_seconds,
            retry_delays_s=list(settings.callback_retry_delays),
            callback_timeout_s=settings.callback_timeout_seconds,
            demo_tools=settings.demo_tools,
            version=__version__,
        )


@router.get("/queue", response_model=QueueAnswer | PastQueueAnswer, responses=responses(422, 503))
async def get_queue(
    parts: PartsDependency,
    view: ViewDependency,
    at: Annotated[Moment | None, Query(description=AT, examples=["2026-01-31T09:30:00Z"])] = None,
) -> QueueAnswer | PastQueueAnswer:
    """Look at what waits, what is processed and what is delivered; with `at`, at what was so then."""
    now = parts.now()
    if at is not None:
        return _then(await queue_controller.look_back(parts.reader, at, view, now), view)
    queue = await queue_controller.snapshot(parts.reader, parts.engine, parts.priorities, view, now)
    return QueueAnswer(
        waiting=queue.depth.waiting,
        oldest_age_ms=queue.oldest_age_ms,
        processing=views.item(queue.processing, view) if queue.processing else None,
        next=[views.item(row, view) for row in queue.next],
        delivering=[_delivering(lane) for lane in queue.lanes if _current_request(lane)],
        lanes=[_lane(parts.lane_ids(lane.key), lane, queue.owed.get(lane.key, 0)) for lane in queue.lanes],
        lanes_waiting=queue.worker.delivery and queue.worker.delivery.waiting_for_place,
        worker=worker_health(queue.worker),
    )


@router.get("/queue/depths", response_model=DepthsAnswer)
async def get_queue_depths(parts: PartsDependency, view: ViewDependency) -> DepthsAnswer:
    """Read how much waited in the last 15 minutes, every 5 s; nothing is asked of the database."""
    # Only what waits of the unnamed account is counted.
    counted = parts.reader.recent_depths.samples if view.account is None else ()
    samples = [Depth.model_validate(sample) for sample in counted]
    return DepthsAnswer(at=parts.now(), every_s=COUNTED_EVERY_S, samples=samples)


@router.get("/queue/fifo-proof", response_model=FifoProofAnswer, responses=responses(422, 503))
async def get_fifo_proof(
    parts: PartsDependency,
    view: ViewDependency,
    limit: Annotated[int, Query(ge=1, le=PROOF_LIMIT_MAX, description="How many of the newest requests.")] = 50,
) -> FifoProofAnswer:
    """Compare the orders of acceptance, generation and delivery over the newest async requests."""
    proof = await queue_controller.prove_order(parts.reader, parts.lane_ids, view, limit)
    return FifoProofAnswer.model_validate(proof)


@router.post(
    "/receivers/{origin:path}/resume",
    status_code=202,
    response_model=ResumedAnswer,
    responses=responses(404, 422, 429, 503),
)
async def resume_receiver(request: Request, origin: Origin, parts: PartsDependency) -> ResumedAnswer:
    """Send your callbacks to a paused receiver again, at once and in order.

    It ends the pause of your own lane, and that of a receiver which is paused for everybody.
    """
    await queue_controller.resume(parts.store, parts.engine, LaneKey(caller_of(request).name, origin))
    return ResumedAnswer(receiver=origin, status="resumed")


@router.post(
    "/receivers/{origin:path}/probe",
    status_code=202,
    response_model=ProbingAnswer,
    responses=responses(404, 422, 429, 503),
)
async def probe_receiver(request: Request, origin: Origin, parts: PartsDependency) -> ProbingAnswer:
    """Try a paused receiver once, now, with your callback that waits longest; where it fails the pause stays."""
    await queue_controller.probe(parts.store, parts.engine, LaneKey(caller_of(request).name, origin), parts.now())
    return ProbingAnswer(receiver=origin, status="probing")


@router.get("/settings", response_model=PublicSettings)
async def get_settings(request: Request) -> PublicSettings:
    """Read the limits and waits of this server, and the URL of its demo receiver."""
    settings: PublicSettings = request.app.state.public_settings
    return settings


def _then(queue: PastQueue, view: View) -> PastQueueAnswer:
    return PastQueueAnswer(
        at=queue.at,
        waiting=queue.waiting,
        callbacks_owed=queue.callbacks_owed,
        processing=[views.item(row, view) for row in queue.processing],
        next=[views.item(row, view) for row in queue.next],
        paused=[PastPause.model_validate(row) for row in queue.paused],
        exact=queue.exact,
    )


def _current_request(lane: LaneState) -> UUID | None:
    """Return whose callback is under way; None: nobody's, or that of a batch."""
    return lane.current.request_id if lane.current and lane.key.sequence not in OF_BATCHES else None


def _delivering(lane: LaneState) -> Delivering:
    assert lane.current is not None  # noqa: S101  chosen by the caller
    return Delivering(
        request_id=lane.current.request_id,
        queue_position=lane.current.queue_position,
        receiver=lane.key.receiver,
        callback_attempts=lane.current.attempts,
        callback_next_attempt_at=None if lane.in_flight else lane.current.next_attempt_at,
    )


def _lane(name: str, lane: LaneState, owed: int) -> Lane:
    state, reason, next_attempt_at = _lane_state(lane)
    return Lane(
        lane=name,
        receiver=lane.key.receiver,
        priority=_PRIORITIES.get(lane.key.sequence),
        state=state,
        reason=reason,
        owed=owed,
        current_request_id=_current_request(lane),
        current_batch_id=lane.current.batch_id if lane.current and not _current_request(lane) else None,
        next_attempt_at=next_attempt_at,
        trouble=lane.trouble,
    )


def _lane_state(lane: LaneState) -> tuple[LaneStateName, str | None, datetime | None]:
    if lane.trouble:
        return "waiting", f"In trouble, and trying again: {lane.trouble}", None
    if lane.pause:
        return "paused", f"{lane.pause.reason} Probes so far: {lane.pause.probes}.", lane.pause.next_probe_at
    if lane.in_flight:
        return "sending", None, None
    if lane.paced:
        return "waiting", "Paced: more may not go to this receiver or address in a time; it goes on by itself.", None
    if lane.current and lane.current.next_attempt_at:
        return "retrying", f"Attempt {lane.current.attempts} failed.", lane.current.next_attempt_at
    return "waiting", None, None
