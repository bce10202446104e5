"""Bulk redeliveries: what matches, starting one, advancing it batch by batch, and how it goes."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, Row, Select, func, literal_column, or_, select, tuple_

from src.database import database_errors
from src.models import CallbackStatus, Mode, RedeliveryModel, RedeliveryStatus, RequestModel, Status
from src.services.identity.caller import View
from src.services.requests import redelivery_statements as statements
from src.services.requests.cursors import read_cursor, write_cursor
from src.services.requests.history import IN_HISTORY, LISTED, Read
from src.services.requests.observers import Observers
from src.services.requests.records import REDELIVERY, IdempotencyKey, LaneKey
from src.services.requests.visible import visible

#: Callbacks of one redelivery.
CALLBACKS_MAX = 100_000
SAMPLE_SIZE = 10
#: Receivers that a dry run names, those with most first.
RECEIVERS_NAMED_MAX = 100
#: Queue positions that one statement looks at.
WINDOW_POSITIONS = 5_000
#: Of each account; those of the last day are kept in any case.
REDELIVERIES_KEPT_MAX = 100
RUNNING_MAX = 1_000

R = RequestModel
D = RedeliveryModel
_LOOKED_AT = [R.__table__.c.id, R.__table__.c.receiver, R.__table__.c.queue_position]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryFilter:
    """What is redelivered; None leaves a column open."""

    callback_status: str | None = None
    #: Scheme, host and port.
    receiver: str | None = None
    #: Of the last attempt.
    error_code: str | None = None
    #: Accepted from this moment on, and before that one.
    since: datetime | None = None
    until: datetime | None = None
    batch_id: UUID | None = None

    def as_json(self) -> dict[str, str]:
        """Write it down; what is open is left out."""
        told = {"callback_status": self.callback_status, "receiver": self.receiver, "error_code": self.error_code}
        if self.batch_id is not None:
            told["batch_id"] = str(self.batch_id)
        times = {name: at.isoformat() for name, at in (("since", self.since), ("until", self.until)) if at}
        return {**{name: text for name, text in told.items() if text is not None}, **times}


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """What a filter matches now; counts stop above `CALLBACKS_MAX`."""

    count: int
    #: Of those with most.
    by_receiver: dict[str, int]
    #: The first ones in queue order.
    sample: Sequence[Row[Any]]


@dataclass(frozen=True, slots=True)
class Due:
    """A redelivery that is under way."""

    id: UUID
    account: str | None
    #: Until its next batch, seconds.
    due_in_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """What one statement did."""

    #: Callbacks that were found; fewer than were asked for: the window was looked through.
    found: int
    lanes: Collection[LaneKey]
    running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryState:
    """A bulk redelivery, and how its callbacks stand."""

    row: Row[Any]
    succeeded: int
    failed: int


class RedeliveryStore:
    """The table of bulk redeliveries. Every method raises `DatabaseAway` when PostgreSQL does not answer.

    Args:
        pool: connections, on this loop.
        read: runs a query within its caller's share.
        observers: told which requests changed.
        attempt_timeout_s: the longest that an attempt may still be under way once its callback was cancelled.
    """

    def __init__(self, pool: asyncpg.Pool, read: Read, observers: Observers, attempt_timeout_s: float) -> None:
        self._pool = pool
        self._read = read
        self._observers = observers
        self._attempt_ends_within = timedelta(seconds=attempt_timeout_s)

    async def matching(self, account: str | None, wanted: RedeliveryFilter) -> Matching:
        """Look what a filter matches."""
        found = _matching(account, wanted, self._attempt_ends_within).subquery()
        number = func.count().label("number")
        counted = select(found.c.receiver, number, func.sum(number).over().label("total")).group_by(found.c.receiver)
        by_receiver = await self._read(counted.order_by(number.desc()).limit(RECEIVERS_NAMED_MAX))
        first = select(found.c.id).order_by(found.c.queue_position).limit(SAMPLE_SIZE)
        sample = await self._read(select(*LISTED).where(R.id.in_(first)).order_by(R.queue_position))
        return Matching(
            count=int(by_receiver[0].total) if by_receiver else 0,
            by_receiver={row.receiver: row.number for row in by_receiver},
            sample=sample,
        )

    async def begin(
        self,
        redelivery_id: UUID,
        *,
        account: str | None,
        caller: str,
        key: IdempotencyKey | None,
        wanted: RedeliveryFilter,
        count: int,
        now: datetime,
    ) -> bool:
        """Start one; returns False, and starts nothing, when the account has one under way or the key is taken."""
        names = (redelivery_id, account, caller, key and key.key, key and key.fingerprint)
        what = (json.dumps(wanted.as_json()), count, REDELIVERIES_KEPT_MAX, now)
        return bool(await self._fetch(statements.BEGIN, *names, *what))

    async def with_key(self, key: IdempotencyKey) -> tuple[UUID, bytes] | None:
        """Find the redelivery that a key stands for, and the fingerprint of its body."""
        records = await self._fetch(statements.WITH_KEY, key.caller, key.key)
        return (records[0]["id"], records[0]["fingerprint"]) if records else None

    async def running(self) -> list[Due]:
        """Name those that are under way, whoever started them; the one due first comes first."""
        return [Due(**record) for record in await self._fetch(statements.RUNNING, RUNNING_MAX)]

    async def advance(self, redelivery_id: UUID, *, batch: int, every: timedelta, now: datetime) -> Step | None:
        """Queue the next callbacks; None: it is not due, has ended, or another server is at it.

        Args:
            redelivery_id: which.
            batch: callbacks at most.
            every: until the next batch.
            now: the time, aware UTC.
        """
        records = await self._fetch(
            statements.ADVANCE, redelivery_id, batch, WINDOW_POSITIONS, now, every, self._attempt_ends_within
        )
        if not records:
            return None
        queued = [record for record in records if record["id"] is not None]
        self._observers.changed([record["id"] for record in queued])
        lanes = dict.fromkeys(LaneKey(record["caller"], record["receiver"], REDELIVERY) for record in queued)
        return Step(records[0]["size"], lanes.keys(), records[0]["status"] == RedeliveryStatus.RUNNING)

    async def cancel(self, view: View, redelivery_id: UUID, now: datetime) -> None:
        """Stop one, if it is visible and under way: what is not queued yet is left as it is."""
        await self._fetch(statements.CANCEL, redelivery_id, view.account, now, view.everybody)

    async def settle(self, now: datetime) -> None:
        """Record how those ended of which nothing is owed any more."""
        await self._fetch(statements.SETTLE, now)

    async def get(self, view: View, redelivery_id: UUID) -> RedeliveryState | None:
        """Read one, if it is visible."""
        states = await self._states(await self._read(_seen(view).where(D.id == redelivery_id)))
        return states[0] if states else None

    async def page(self, view: View, limit: int, cursor: str | None) -> tuple[Sequence[RedeliveryState], str | None]:
        """Read a page, newest first, and the cursor behind it if there are more.

        Raises:
            Invalid: the cursor was not made by this method.
        """
        query = _seen(view).order_by(D.created_at.desc(), D.id.desc()).limit(limit + 1)
        if cursor:
            query = query.where(tuple_(D.created_at, D.id) < tuple_(*read_cursor(cursor)))
        rows = await self._read(query)
        shown = await self._states(rows[:limit])
        last = shown[-1].row if len(rows) > limit else None
        return shown, write_cursor(last.created_at, last.id) if last else None

    async def _states(self, rows: Sequence[Row[Any]]) -> list[RedeliveryState]:
        """Add how the callbacks stand: as recorded, or counted now, with one query for all that are not settled."""
        ends = {row.id: (row.succeeded, row.failed) for row in rows if row.settled_at is not None}
        if open_ids := [row.id for row in rows if row.settled_at is None]:
            counted = await self._fetch(statements.COUNT, open_ids)
            ends |= {one["redelivery_id"]: (one["succeeded"], one["failed"]) for one in counted}
        states = []
        for row in rows:
            succeeded, failed = ends.get(row.id, (0, 0))
            states.append(RedeliveryState(row=row, succeeded=succeeded, failed=failed))
        return states

    async def _fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        async with database_errors():
            records: list[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
            return records


def _seen(view: View) -> Select[Any]:
    return select(*D.__table__.columns).where(*visible(view, D))


def _matching(account: str | None, wanted: RedeliveryFilter, attempt_ends_within: timedelta) -> Select[Any]:
    """Choose the requests that a filter matches, one more than may be redelivered."""
    ended = [CallbackStatus.SUCCESS, CallbackStatus.FAILED, CallbackStatus.CANCELLED]
    statuses = ended if wanted.callback_status is None else [wanted.callback_status]
    conditions: list[ColumnElement[bool]] = [
        R.mode == Mode.ASYNC,
        R.status == Status.COMPLETED,
        R.callback_status.in_(statuses),
        # Written out: of a parameter PostgreSQL cannot tell whether a partial index holds the rows.
        R.callback_status != literal_column("'PENDING'"),
        or_(R.callback_status != CallbackStatus.CANCELLED, R.callback_finished_at < func.now() - attempt_ends_within),
        R.account.is_not_distinct_from(account),
        IN_HISTORY,
    ]
    if wanted.receiver is not None:
        conditions.append(R.receiver == wanted.receiver)
    if wanted.error_code is not None:
        conditions.append(R.callback_error_code == wanted.error_code)
    if wanted.batch_id is not None:
        conditions.append(R.batch_id == wanted.batch_id)
    if wanted.since is not None:
        conditions.append(R.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(R.created_at < wanted.until)
    return select(*_LOOKED_AT).where(*conditions).limit(CALLBACKS_MAX + 1)
