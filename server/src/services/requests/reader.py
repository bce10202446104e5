"""Read-only queries on requests, callback logs and the queue."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Executable,
    Row,
    Select,
    Subquery,
    Uuid,
    and_,
    any_,
    func,
    literal,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from src.database import database_errors
from src.models import (
    BatchModel,
    CallbackLogModel,
    CallbackStatus,
    LaneSecretModel,
    Mode,
    PausedReceiverModel,
    Priority,
    RequestModel,
    Status,
)
from src.services.identity.caller import View
from src.services.requests.explanations import Explanations
from src.services.requests.fifo_proof import Milestones
from src.services.requests.history import IN_HISTORY, LISTED, History, Read
from src.services.requests.past_queue import PastQueues
from src.services.requests.queue_figures import QueueFigures, number_of, owed_callbacks, read_queue_figures
from src.services.requests.read_slots import ReadSlots
from src.services.requests.recent_depths import RecentDepths
from src.services.requests.records import EVERY, OF_BATCHES, LaneKey
from src.services.requests.visible import visible

LOGS_MAX = 1_000
OWED_COUNTED_MAX = 1_000
#: What is being processed stands among the first of its priority: begun together are fewer.
PROCESSING_AMONG_FIRST = 64

R = RequestModel
#: The columns of an attempt in an event: all but those that only the callback log shows.
_ONLY_LOGGED = {"request_headers", "request_body_sha256", "response_headers"}
_EVENT = [column for column in CallbackLogModel.__table__.columns if column.name not in _ONLY_LOGGED]
_WAITING = and_(R.mode == Mode.ASYNC, R.completed_at.is_(None), R.status == Status.PENDING)


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """The current depth of the queue; each count stops at `COUNT_MAX`."""

    waiting: int
    oldest_waiting_at: datetime | None
    callbacks_due: int
    callbacks_retrying: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """The requests that may start before a waiting one; each count stops at `COUNT_MAX`."""

    waiting: Mapping[Priority, int]
    processing: int


class RequestReader:
    """The queries, on the server's engine.

    Every method raises `DatabaseAway` if PostgreSQL does not respond, and `Unavailable` if a caller exceeds its limit
    of concurrent reads.

    Args:
        engine: the database.
        slots: limits concurrent reads per caller.
    """

    def __init__(self, engine: AsyncEngine, slots: ReadSlots) -> None:
        self._engine = engine
        self._slots = slots
        #: Runs a query within its caller's share, for those who have queries of their own.
        self.read = self._all
        #: Pages and counts.
        self.history = History(self._all)
        #: Returns the complete rows of requests, by their ids.
        self.whole = partial(_whole, self._all)
        #: Timelines of requests.
        self.explanations = Explanations(self._all)
        #: The queue at a past moment, and its recent depth.
        self.past_queues = PastQueues(self._all)
        self.recent_depths = RecentDepths(partial(_waiting_and_owed, self._all))
        #: What is counted for those who measure.
        self.figures: Callable[[], Awaitable[QueueFigures]] = partial(read_queue_figures, self._all)

    async def _all(self, query: Executable) -> Sequence[Row[Any]]:
        async with self._slots.slot(), database_errors(), self._engine.connect() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows

    async def get(self, request_id: UUID, view: View) -> Row[Any] | None:
        """Return the complete row of a request; None if there is none that is visible."""
        rows = await self._all(select(*R.__table__.columns).where(R.id == request_id, *visible(view)))
        return rows[0] if rows else None

    async def ahead(self, priority: Priority, queue_position: int) -> Ahead:
        """Count the requests that may start before a waiting one: all of other priorities, earlier ones of its own."""

        def count_of(each: Priority) -> ColumnElement[int]:
            before = [R.queue_position < queue_position] if each == priority else []
            return number_of(select(R.id).where(_WAITING, R.priority == each, *before))

        first = _first_unfinished(R.__table__.c.status)
        begun = select(func.count()).where(first.c.status == Status.PROCESSING)
        [counts] = await self._all(select(*map(count_of, Priority), begun.scalar_subquery()))
        return Ahead(waiting=dict(zip(Priority, counts, strict=False)), processing=counts[-1])

    async def by_ids(self, request_ids: Sequence[UUID], view: View) -> Sequence[Row[Any]]:
        """Return requests with the columns of a list, in the order of acceptance."""
        if not request_ids:
            return []
        # As one array: the statement does not depend on their number, and is prepared once.
        wanted = select(*LISTED).where(R.id == any_(literal(request_ids, ARRAY(Uuid))), IN_HISTORY, *visible(view))
        return await self._all(wanted.order_by(R.created_at, R.id))

    async def attempts(self, numbers: Sequence[tuple[UUID, int]], view: View) -> Sequence[Row[Any]]:
        """Return attempts by request id and attempt number, oldest first."""
        if not numbers:
            return []
        log = CallbackLogModel
        wanted = tuple_(log.request_id, log.attempt_number).in_(numbers)
        found = select(*_EVENT).join(R, R.id == log.request_id).where(wanted, IN_HISTORY, *visible(view))
        return await self._all(found.order_by(log.attempted_at))

    async def lane_secret(self) -> UUID:
        """Return the secret that public ids of lanes are derived from."""
        [row] = await self._all(select(LaneSecretModel.secret))
        secret: UUID = row.secret
        return secret

    async def why_paused(self, lane: LaneKey) -> str | None:
        """Return why a lane, or its receiver for all callers, is paused; None if neither is."""
        paused = PausedReceiverModel
        query = select(paused.reason).where(paused.receiver == lane.receiver, paused.caller.in_((lane.caller, "")))
        rows = await self._all(query.order_by(paused.caller).limit(1))
        return rows[0].reason if rows else None

    async def logs(self, request_id: UUID) -> Sequence[Row[Any]]:
        """Return the attempts to deliver a request's callback, oldest first."""
        log = CallbackLogModel
        return await self._all(
            select(*log.__table__.columns)
            .where(log.request_id == request_id)
            .order_by(log.attempt_number)
            .limit(LOGS_MAX)
        )

    async def depth(self, now: datetime, view: View) -> QueueDepth:
        """Count the requests waiting for generation and the undelivered callbacks."""
        seen = visible(view)
        heads = _first_of_each(and_(_WAITING, *seen), 1, R.__table__.c.created_at)
        [oldest] = await self._all(select(func.min(heads.c.created_at)))
        retrying = await self._count(owed_callbacks(view, due_after=now))
        return QueueDepth(
            waiting=await self.count_waiting(view),
            oldest_waiting_at=oldest[0],
            callbacks_due=await self._count(owed_callbacks(view)) - retrying,
            callbacks_retrying=retrying,
        )

    async def count_waiting(self, view: View) -> int:
        """Count the async requests waiting for generation."""
        return await self._count(select(R.id).where(_WAITING, *visible(view)))

    async def next_waiting(self, limit: int, view: View) -> dict[Priority, list[Row[Any]]]:
        """Return the head of the queue, in order: up to `limit` requests of each priority."""
        heads = _first_of_each(and_(_WAITING, *visible(view)), limit, *LISTED)
        rows = await self._all(select(*heads.c).order_by(heads.c.queue_position))
        return {each: [row for row in rows if row.priority == each] for each in Priority}

    async def processing(self, view: View) -> Row[Any] | None:
        """Return the async request whose report is being generated, if any."""
        first = _first_unfinished(*LISTED)
        begun = select(*first.c).where(first.c.status == Status.PROCESSING, *visible(view, first.c))
        rows = await self._all(begun.order_by(first.c.started_at, first.c.queue_position).limit(1))
        return rows[0] if rows else None

    async def milestones(self, limit: int, view: View) -> Sequence[Milestones]:
        """Return the milestones of the newest async requests, without redelivered ones."""
        newest = select(*LISTED).where(
            R.queue_position.is_not(None), R.callback_series_start == 0, IN_HISTORY, *visible(view)
        )
        return [
            Milestones(
                request_id=row.id,
                queue_position=row.queue_position,
                caller=row.caller,
                receiver=row.receiver,
                priority=Priority(row.priority),
                generated_at=None if row.status == Status.CANCELLED else row.completed_at,
                delivered_at=None if row.callback_status == CallbackStatus.CANCELLED else row.callback_finished_at,
            )
            for row in await self._all(newest.order_by(R.queue_position.desc()).limit(limit))
        ]

    async def owed_by_lane(self, lanes: Sequence[LaneKey]) -> dict[LaneKey, int]:
        """Count the undelivered callbacks of lanes, up to `OWED_COUNTED_MAX` each."""
        counts = [
            select(literal(number).label("number"), func.count().label("owed")).select_from(
                _owed_in(lane).limit(OWED_COUNTED_MAX).subquery()
            )
            for number, lane in enumerate(lanes)
        ]
        return {lanes[row.number]: row.owed for row in await self._all(union_all(*counts))} if counts else {}

    async def _count(self, query: Select[Any] | CompoundSelect[Any]) -> int:
        [row] = await self._all(select(number_of(query)))
        count: int = row[0]
        return count


async def _whole(read: Read, request_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    if not request_ids:
        return []
    return await read(select(*R.__table__.columns).where(R.id == any_(literal(request_ids, ARRAY(Uuid)))))


def _owed_in(lane: LaneKey) -> Select[Any]:
    model = BatchModel if lane.sequence in OF_BATCHES else RequestModel
    owed = [model.callback_status == CallbackStatus.PENDING, model.completed_at.is_not(None)]
    in_sequence = [] if lane.sequence == EVERY else [model.callback_sequence == lane.sequence]
    return select(model.id).where(*owed, model.caller == lane.caller, model.receiver == lane.receiver, *in_sequence)


def _first_of_each(condition: ColumnElement[bool], limit: int, *columns: ColumnElement[Any]) -> Subquery:
    """Return the first rows of each priority, from one range each of the index of unfinished requests."""
    heads = [
        select(select(*columns).where(condition, R.priority == each).order_by(R.queue_position).limit(limit).subquery())
        for each in Priority
    ]
    return union_all(*heads).subquery()


def _first_unfinished(*columns: ColumnElement[Any]) -> Subquery:
    """Return the first unfinished requests of each priority, which include all that are being processed."""
    unfinished = and_(R.mode == Mode.ASYNC, R.completed_at.is_(None))
    return _first_of_each(unfinished, PROCESSING_AMONG_FIRST, *columns)


async def _waiting_and_owed(read: Read) -> tuple[int, int]:
    """Count the requests of the unnamed account that wait for their report, and its callbacks that are owed."""
    waiting, owed = number_of(select(R.id).where(_WAITING, *visible(View()))), number_of(owed_callbacks(View()))
    [row] = await read(select(waiting.label("waiting"), owed.label("owed")))
    return row.waiting, row.owed
