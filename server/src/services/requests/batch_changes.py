"""Changes of batches: cancel, redeliver, delete."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from src import failpoints
from src.services.identity.caller import View
from src.services.requests import batch_statements as statements
from src.services.requests.observers import Observers
from src.services.requests.records import LaneKey
from src.services.requests.rows import ended_of

#: Each with up to 1,000 entries: small, so that other transactions do not wait for a clean-up.
RETENTION_BATCHES = 5


@dataclass(frozen=True, slots=True)
class CancelledBatch:
    """What a cancel changed."""

    #: The entries that had not ended; none: the callback of the batch alone was cancelled.
    entries: Sequence[UUID]
    #: The term of the process that may be working on them.
    epoch: int


@dataclass(frozen=True, slots=True)
class DeletedBatches:
    """What was deleted."""

    batches: Sequence[UUID]
    entries: Sequence[UUID]


class BatchChanges:
    """Each change is one statement, conditional on the state it expects.

    Args:
        fetch: runs a statement; raises `DatabaseAway` if PostgreSQL does not respond.
        observers: notified after each COMMIT.
    """

    def __init__(self, fetch: Callable[..., Awaitable[list[asyncpg.Record]]], observers: Observers) -> None:
        self._fetch = fetch
        self._observers = observers

    async def cancel(self, batch_id: UUID, view: View, now: datetime, *, notify: bool) -> CancelledBatch | None:
        """Cancel the entries that have not ended; if there are none, the callback of the batch, if that is owed.

        Args:
            batch_id: which.
            view: whose batches may be cancelled.
            now: when.
            notify: `batch.completed` is sent all the same, with the status `cancelled`, and `report.cancelled` to the
                receivers of entries.

        Returns:
            What was cancelled; None: nothing is left to cancel.
        """
        records = await self._fetch(statements.CANCEL, batch_id, now, notify, view.account, view.everybody)
        if not records:
            return None
        failpoints.reached("after_cancel_commit")
        ended = [ended_of(record) for record in records if record["mode"] is not None]
        entries = [one.request_id for one in ended]
        if ended:
            self._observers.ended(ended)
            self._observers.cancelled(entries)
        self._observers.batches_changed([batch_id])
        return CancelledBatch(entries, records[0]["epoch"])

    async def redeliver(self, batch_id: UUID, view: View, now: datetime, ended_before: datetime) -> LaneKey | None:
        """Begin a new series of attempts for a callback that has ended.

        Args:
            batch_id: which.
            view: whose batches may be redelivered.
            now: when.
            ended_before: of a cancelled callback an attempt may be under way unless it was cancelled before this.

        Returns:
            The lane, or None if the batch has no callback whose delivery has ended.
        """
        records = await self._fetch(statements.REDELIVER, batch_id, now, view.account, view.everybody, ended_before)
        if not records:
            return None
        self._observers.batches_changed([batch_id])
        return LaneKey(*records[0])

    async def delete(self, batch_id: UUID, view: View) -> DeletedBatches:
        """Delete a batch of which every entry has ended, with its entries and their logs."""
        return await self._delete(statements.DELETE, batch_id, view.account, view.everybody)

    async def delete_older_than(self, moment: datetime) -> DeletedBatches:
        """Delete some batches that ended, all callbacks included, before a moment."""
        return await self._delete(statements.DELETE_OLD, moment, RETENTION_BATCHES)

    async def delete_empty(self, view: View) -> None:
        """Delete batches of which every entry was deleted."""
        if deleted := await self._fetch(statements.DELETE_EMPTY, view.account, view.everybody):
            self._observers.batches_changed([record["id"] for record in deleted])

    async def _delete(self, statement: str, *arguments: Any) -> DeletedBatches:
        records = await self._fetch(statement, *arguments)
        entries = {record["id"]: record["account"] for record in records if record["is_entry"]}
        batches = [record["id"] for record in records if not record["is_entry"]]
        if batches:
            self._observers.deleted(entries)
            self._observers.batches_changed(batches)
        return DeletedBatches(batches, list(entries))
