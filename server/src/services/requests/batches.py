"""The table of batches: storing them, and how they stand."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import Row, Select, select, tuple_

from src.models import BatchCallbackLogModel, BatchModel, BatchStatus, CallbackStatus, RequestModel, Status
from src.services.identity.caller import View
from src.services.requests import batch_statements as statements
from src.services.requests.batch_callbacks import owed_batch_of
from src.services.requests.batch_records import Member, NewBatch, StoredBatch
from src.services.requests.cursors import read_cursor, write_cursor
from src.services.requests.history import LISTED, Read
from src.services.requests.observers import Observers
from src.services.requests.records import IdempotencyKey, OwedBatch
from src.services.requests.store import IDEMPOTENCY_KEY_KEPT
from src.services.requests.visible import visible

B = BatchModel
R = RequestModel
_SHOWN = [column for column in B.__table__.columns if column.name != "result_payload"]

LOGS_MAX = 1_000

Fetch = Callable[..., Awaitable[list[asyncpg.Record]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """A batch, and how its entries stand."""

    row: Row[Any]
    #: Numbers of entries; those that were deleted are in neither.
    by_status: dict[Status, int]
    by_callback_status: dict[CallbackStatus, int]

    @property
    def deleted(self) -> int:
        """Number of deleted entries."""
        return max(0, int(self.row.size) - sum(self.by_status.values()))

    @property
    def status(self) -> BatchStatus:
        """Its status."""
        if self.row.cancelled_at is not None:
            return BatchStatus.CANCELLED
        if self.row.completed_at is not None:
            return BatchStatus.COMPLETED
        has_begun = self.by_status[Status.PENDING] + self.deleted < self.row.size
        return BatchStatus.PROCESSING if has_begun else BatchStatus.PENDING

    @property
    def progress(self) -> float:
        """The share of its entries that have ended, 0 to 1."""
        return 1 - float(self.row.remaining) / float(self.row.size)


@dataclass(frozen=True, slots=True)
class Entries:
    """A page of the entries of a batch, in order, with their results, and the position to continue behind."""

    first_position: int
    rows: Sequence[Row[Any]]
    next_after: int | None


class BatchStore:
    """Stores and reads batches. Every method raises `DatabaseAway` when PostgreSQL does not answer.

    Args:
        fetch: runs a statement, which is a transaction of its own.
        read: runs a query within its caller's share.
        observers: told which requests were accepted.
    """

    def __init__(self, fetch: Fetch, read: Read, observers: Observers) -> None:
        self._fetch = fetch
        self._read = read
        self._observers = observers

    async def insert(self, batches: Sequence[NewBatch]) -> dict[UUID, int]:
        """Store the batches whose idempotency key is free (or who have none), with consecutive positions each.

        Returns:
            The position of the first entry of each stored batch, by id; the key of a missing one was already in use.
        """
        records = await self._fetch(statements.INSERT, *_columns_of_batches(batches), _document_of_entries(batches))
        first_positions = {record["id"]: record["first_position"] for record in records}
        if first_positions:
            self._observers.accepted(
                [entry for batch in batches if batch.id in first_positions for entry in batch.entries]
            )
        return first_positions

    async def find_by_key(self, key: IdempotencyKey, now: datetime) -> tuple[bytes, StoredBatch] | None:
        """Look up the batch that a key belongs to, and the fingerprint it came with; an expired key is freed."""
        records = await self._fetch(statements.FIND_KEY, key.caller, key.route, key.key)
        if not records:
            return None
        [found] = records
        if found["completed_at"] and found["completed_at"] < now - IDEMPOTENCY_KEY_KEPT:
            await self._fetch(statements.FREE_KEY, found["id"])
            return None
        first: int = found["first_position"]
        members = [
            Member(record["queue_position"] - first, record["id"], record["queue_position"])
            for record in await self._fetch(statements.MEMBERS, found["id"])
        ]
        return found["fingerprint"], StoredBatch(
            batch_id=found["id"], count=found["size"], first_position=first, members=members, is_duplicate=True
        )

    async def get(self, view: View, batch_id: UUID) -> BatchState | None:
        """Return a batch, if it exists and is visible."""
        states = await self._states(await self._read(_seen(view).where(B.id == batch_id)))
        return states[0] if states else None

    async def page(self, view: View, limit: int, cursor: str | None) -> tuple[Sequence[BatchState], str | None]:
        """Return a page, newest first, and the cursor behind it if there are more.

        Raises:
            Invalid: the cursor is malformed.
        """
        query = _seen(view).order_by(B.created_at.desc(), B.id.desc()).limit(limit + 1)
        if cursor:
            query = query.where(tuple_(B.created_at, B.id) < tuple_(*read_cursor(cursor)))
        rows = await self._read(query)
        states = await self._states(rows[:limit])
        last = states[-1].row if len(rows) > limit else None
        return states, write_cursor(last.created_at, last.id) if last else None

    async def entries(self, batch: Row[Any], after: int, limit: int) -> Entries:
        """Return the entries of a batch behind a queue position, in order."""
        columns = [*LISTED, R.result_payload]
        wanted = select(*columns).where(R.batch_id == batch.id, R.queue_position > after)
        rows = await self._read(wanted.order_by(R.queue_position).limit(limit + 1))
        more = len(rows) > limit
        return Entries(batch.first_position, rows[:limit], rows[limit - 1].queue_position if more else None)

    async def some(self, view: View, batch_ids: Sequence[UUID]) -> Sequence[BatchState]:
        """Return batches by their ids, those that exist and are visible."""
        return await self._states(await self._read(_seen(view).where(B.id.in_(batch_ids))))

    async def logs(self, batch_id: UUID) -> Sequence[Row[Any]]:
        """Return the attempts to deliver the callback of a batch, oldest first."""
        log = BatchCallbackLogModel
        found = select(*log.__table__.columns).where(log.batch_id == batch_id)
        return await self._read(found.order_by(log.attempt_number).limit(LOGS_MAX))

    async def callback(self, batch_id: UUID) -> OwedBatch | None:
        """Return the callback of a batch, delivered or not; None if it has none, or has not ended."""
        rows = await self._read(select(*B.__table__.columns).where(B.id == batch_id, B.result_payload.is_not(None)))
        if not rows:
            return None
        [row] = rows
        return owed_batch_of({**row._asdict(), "result_payload": orjson.dumps(row.result_payload).decode()})

    async def _states(self, rows: Sequence[Row[Any]]) -> list[BatchState]:
        """Add how the entries stand, with one query for all."""
        states = {
            row.id: BatchState(
                row=row,
                by_status=dict.fromkeys(Status, 0),
                by_callback_status=dict.fromkeys(CallbackStatus, 0),
            )
            for row in rows
        }
        counted = await self._fetch(statements.COUNT, list(states)) if states else []
        for record in counted:
            state = states[record["batch_id"]]
            state.by_status[Status(record["status"])] += record["number"]
            if record["callback_status"] is not None:
                state.by_callback_status[CallbackStatus(record["callback_status"])] += record["number"]
        return list(states.values())


def _seen(view: View) -> Select[Any]:
    return select(*_SHOWN).where(*visible(view, B))


def _columns_of_batches(batches: Sequence[NewBatch]) -> list[list[Any]]:
    keys = [batch.idempotency_key for batch in batches]
    return [
        [batch.id for batch in batches],
        [batch.caller.owner.account for batch in batches],
        [batch.caller.name for batch in batches],
        [batch.name for batch in batches],
        [len(batch.entries) for batch in batches],
        [batch.callbacks for batch in batches],
        [batch.callback_url for batch in batches],
        [batch.receiver for batch in batches],
        [batch.created_at for batch in batches],
        [key and key.route for key in keys],
        [key and key.key for key in keys],
        [key and key.fingerprint for key in keys],
        [batch.caller.owner.run_id for batch in batches],
        [batch.trace and batch.trace.header for batch in batches],
    ]


def _document_of_entries(batches: Sequence[NewBatch]) -> str:
    """Write the entries of all batches, in order."""
    return orjson.dumps(
        [
            {
                "id": entry.id,
                "input": entry.parameters.to_json(),
                "callback_url": entry.callback_url,
                "receiver": entry.receiver,
                "priority": entry.priority,
            }
            for batch in batches
            for entry in batch.entries
        ]
    ).decode()
