"""Reading requests and their callback logs: one, a page, and how many wait. Changes nothing."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, Row, Select, and_, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncEngine

from src.database import database_errors
from src.errors import Invalid
from src.models import (
    CallbackLogModel,
    CallbackStatus,
    LaneSecretModel,
    Mode,
    PausedReceiverModel,
    RequestModel,
    Status,
)
from src.models.request_model import ENDED
from src.services.requests.fifo_proof import Milestones
from src.services.requests.read_slots import ReadSlots
from src.services.requests.records import LaneKey

#: Counts stop here: what waits is bounded, and a health check should cost little.
COUNT_MAX = 100_000
LOGS_MAX = 1_000
OWED_COUNTED_MAX = 1_000
#: Requests that one search looks at; the cursor goes on behind them.
SEARCHED_MAX = 10_000

R = RequestModel
#: The columns of a list: everything but the result.
_LISTED = [column for column in R.__table__.columns if column.name != "result_payload"]
#: The columns of an attempt in an event: everything but what only its request's log shows.
_ONLY_LOGGED = {"request_headers", "request_body_sha256", "response_headers"}
_EVENT = [column for column in CallbackLogModel.__table__.columns if column.name not in _ONLY_LOGGED]
_WAITING = and_(R.mode == Mode.ASYNC, R.status == Status.PENDING)
#: What runs send is worked on like anything else, but it is nobody's history.
_IN_HISTORY = R.run_id.is_(None)
_OWED = and_(R.callback_status == CallbackStatus.PENDING, R.status.in_(ENDED))


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to; None leaves a column open."""

    mode: Mode | None = None
    status: Status | None = None
    callback_status: CallbackStatus | None = None
    #: Part of the report's name, in any case.
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some requests, newest first, and the cursor behind the last one if there are more."""

    requests: Sequence[Row[Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What waits now; each count stops at `COUNT_MAX`."""

    waiting: int
    oldest_waiting_at: datetime | None
    callbacks_due: int
    callbacks_retrying: int


class RequestReader:
    """The queries, on the server's engine.

    Every method raises `DatabaseAway` when PostgreSQL does not answer, and `Unavailable` when a caller reads too much.

    Args:
        engine: the way to the database.
        slots: a share of it for each caller.
    """

    def __init__(self, engine: AsyncEngine, slots: ReadSlots) -> None:
        self._engine = engine
        self._slots = slots

    async def _all(self, query: Executable) -> Sequence[Row[Any]]:
        async with self._slots.slot(), database_errors(), self._engine.connect() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows

    async def get(self, request_id: UUID) -> Row[Any] | None:
        """Read everything about one request."""
        rows = await self._all(select(*R.__table__.columns).where(R.id == request_id))
        return rows[0] if rows else None

    async def place_in_line(self, queue_position: int) -> int:
        """Count the requests that are ahead of a position and wait or are being processed."""
        ahead = (
            select(R.id)
            .where(R.mode == Mode.ASYNC, R.status.in_((Status.PENDING, Status.PROCESSING)))
            .where(R.queue_position < queue_position)
        )
        return await self._count(ahead)

    async def by_ids(self, request_ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        """Read some requests as a list shows them, in the order in which they were accepted."""
        if not request_ids:
            return []
        wanted = select(*_LISTED).where(R.id.in_(request_ids), _IN_HISTORY)
        return await self._all(wanted.order_by(R.created_at, R.id))

    async def attempts(self, numbers: Sequence[tuple[UUID, int]]) -> Sequence[Row[Any]]:
        """Read some attempts, by request id and attempt number, in the order in which they were made."""
        if not numbers:
            return []
        log = CallbackLogModel
        wanted = tuple_(log.request_id, log.attempt_number).in_(numbers)
        found = select(*_EVENT).join(R, R.id == log.request_id).where(wanted, _IN_HISTORY)
        return await self._all(found.order_by(log.attempted_at))

    async def lane_secret(self) -> UUID:
        """Read what names of lanes are made with."""
        [row] = await self._all(select(LaneSecretModel.secret))
        secret: UUID = row.secret
        return secret

    async def why_paused(self, lane: LaneKey) -> str | None:
        """Read why a lane is paused, or its receiver for everybody; None when neither is."""
        paused = PausedReceiverModel
        query = select(paused.reason).where(paused.receiver == lane.receiver, paused.caller.in_((lane.caller, "")))
        rows = await self._all(query.order_by(paused.caller).limit(1))
        return rows[0].reason if rows else None

    async def logs(self, request_id: UUID) -> Sequence[Row[Any]]:
        """Read the attempts to deliver a request's callback, first one first."""
        log = CallbackLogModel
        return await self._all(
            select(*log.__table__.columns)
            .where(log.request_id == request_id)
            .order_by(log.attempt_number)
            .limit(LOGS_MAX)
        )

    async def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Read a page, newest first. A deep page costs as much as the first one.

        Raises:
            Invalid: the cursor was not made by this method.
        """
        after = _read_cursor(cursor) if cursor else None
        if not list(_states(filters)):
            return Page([], None)  # such as sync requests with a callback
        rows = await self._all(_page_query(filters, limit + 1, after))
        if len(rows) > limit:
            return Page(rows[:limit], _write_cursor(rows[limit - 1]))
        return Page(rows, await self._cursor_of_further_search(filters, after) if filters.text else None)

    async def _cursor_of_further_search(self, filters: Filters, after: tuple[datetime, UUID] | None) -> str | None:
        """Point behind the last request that was looked at, if a search stopped before it had seen all."""
        last = await self._all(_newest(filters, SEARCHED_MAX, after).offset(SEARCHED_MAX - 1))
        return _write_cursor(last[0]) if last else None

    async def depth(self, now: datetime) -> QueueDepth:
        """Count what waits for generation and for delivery."""
        oldest = await self._all(select(R.created_at).where(_WAITING).order_by(R.queue_position).limit(1))
        retrying = await self._count(select(R.id).where(_OWED, R.callback_next_attempt_at > now))
        return QueueDepth(
            waiting=await self.count_waiting(),
            oldest_waiting_at=oldest[0].created_at if oldest else None,
            callbacks_due=await self._count(select(R.id).where(_OWED)) - retrying,
            callbacks_retrying=retrying,
        )

    async def count_waiting(self) -> int:
        """Count the requests that wait for their report."""
        return await self._count(select(R.id).where(_WAITING))

    async def next_waiting(self, limit: int) -> Sequence[Row[Any]]:
        """Read the head of the queue, in order."""
        return await self._all(select(*_LISTED).where(_WAITING).order_by(R.queue_position).limit(limit))

    async def processing(self) -> Row[Any] | None:
        """Read the async request whose report is being generated, if any."""
        being_processed = select(*_LISTED).where(R.mode == Mode.ASYNC, R.status == Status.PROCESSING)
        rows = await self._all(being_processed.order_by(R.queue_position).limit(1))
        return rows[0] if rows else None

    async def milestones(self, limit: int) -> Sequence[Milestones]:
        """Read when the newest async requests passed which point; redelivered ones are left out."""
        newest = select(*_LISTED).where(R.queue_position.is_not(None), R.callback_series_start == 0, _IN_HISTORY)
        return [
            Milestones(
                request_id=row.id,
                queue_position=row.queue_position,
                caller=row.caller,
                receiver=row.receiver,
                generated_at=row.completed_at,
                delivered_at=row.callback_finished_at,
            )
            for row in await self._all(newest.order_by(R.queue_position.desc()).limit(limit))
        ]

    async def owed_by_lane(self, lanes: Sequence[LaneKey]) -> dict[LaneKey, int]:
        """Count the callbacks owed in some lanes, up to 1,000 each."""
        counts = [
            select(literal(number).label("number"), func.count().label("owed")).select_from(
                select(R.id)
                .where(_OWED, R.caller == lane.caller, R.receiver == lane.receiver)
                .limit(OWED_COUNTED_MAX)
                .subquery()
            )
            for number, lane in enumerate(lanes)
        ]
        return {lanes[row.number]: row.owed for row in await self._all(union_all(*counts))} if counts else {}

    async def _count(self, query: Select[Any]) -> int:
        [row] = await self._all(select(func.count()).select_from(query.limit(COUNT_MAX).subquery()))
        count: int = row[0]
        return count


def _page_query(filters: Filters, limit: int, after: tuple[datetime, UUID] | None) -> Select[Any]:
    """Read a page; one that looks for a text looks at no more than `SEARCHED_MAX` requests."""
    if not filters.text:
        page = _newest(filters, limit, after).subquery()
        query = select(*_LISTED).join(page, R.id == page.c.id)
        return query.order_by(R.created_at.desc(), R.id.desc())
    # Whole rows come in the order of the page, so that PostgreSQL stops at the one that fills it.
    searched = _newest(filters, SEARCHED_MAX, after, _LISTED).subquery()
    name = searched.c.input_payload["report_name"].as_string()
    found = select(*searched.c).where(name.icontains(filters.text, autoescape=True))
    return found.order_by(searched.c.created_at.desc(), searched.c.id.desc()).limit(limit)


def _newest(
    filters: Filters,
    limit: int,
    after: tuple[datetime, UUID] | None,
    columns: Sequence[ColumnElement[Any]] = (R.__table__.c.id, R.__table__.c.created_at),
) -> Select[Any]:
    """Merge one range of the index for each state the filters leave open.

    Whatever is asked for and however rare it is, no more than `limit` entries of each range are read.
    """
    behind = [tuple_(R.created_at, R.id) < tuple_(*after)] if after else []

    def newest(*conditions: ColumnElement[bool]) -> Select[Any]:
        found = select(*columns).where(_IN_HISTORY, *conditions, *behind)
        # Named although it is the same for all: for PostgreSQL `IS NULL` does not make a column constant, and it would
        # sort the whole range instead of following the index.
        by_state = [R.callback_status.desc()] if conditions else []
        return found.order_by(*by_state, R.created_at.desc(), R.id.desc()).limit(limit)

    if (filters.mode, filters.status, filters.callback_status) == (None, None, None):
        return newest()
    merged = union_all(*(select(newest(*state).subquery()) for state in _states(filters))).subquery()
    return select(*merged.c).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(limit)


def _states(filters: Filters) -> Iterator[tuple[ColumnElement[bool], ...]]:
    for mode, status in product(Mode, Status):
        open_callbacks = CallbackStatus if status in ENDED else [CallbackStatus.PENDING]
        for callback_status in open_callbacks if mode is Mode.ASYNC else [None]:
            if _matches(Filters(mode, status, callback_status), filters):
                yield (R.mode == mode, R.status == status, R.callback_status == callback_status)


def _matches(state: Filters, filters: Filters) -> bool:
    wanted = (filters.mode, filters.status, filters.callback_status)
    return all(
        want in (None, is_so)
        for want, is_so in zip(wanted, (state.mode, state.status, state.callback_status), strict=True)
    )


def _write_cursor(row: Row[Any]) -> str:
    return _cursor(row.created_at, row.id)


def _cursor(created_at: datetime, request_id: UUID) -> str:
    text = f"{created_at.astimezone(UTC).isoformat()} {request_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Read a cursor, in the one form in which it is given out: nothing is converted, so nothing can overflow."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        created_at, request_id = text.split(" ")
        after = datetime.fromisoformat(created_at), UUID(request_id)
        if after[0].tzinfo is UTC and _cursor(*after) == cursor:
            return after
    except ValueError:  # binascii.Error and UnicodeDecodeError are some
        pass
    raise Invalid("This is not a cursor that a list of requests gave out; begin again without one.", "cursor")
