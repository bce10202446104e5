"""Background cleanup: expired keys, leftovers of crashed processes, and requests past their retention."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from src.services.report_files.storage import ReportStorage
from src.services.requests.batch_changes import BatchChanges
from src.services.requests.report_removal import ReportRemoval
from src.services.requests.store import RequestStore

CLEANUP_INTERVAL_S = 30.0
#: What deleted requests leave is deleted by the note of it, within seconds. Beside that a file may come too late, of
#: a write that was given up; to find it the whole store is listed, once an hour.
ORPHANS_EVERY_ROUNDS = 120
ORPHANS_IN_ROUND = 10
IDS_LOOKED_UP_TOGETHER = 1_000


class Janitor:
    """Cleans up in small batches. Belongs to the server's event loop.

    Args:
        store: the statements, on this loop.
        storage: where reports are.
        removal: deletes them.
        batches: deletes batches.
        retention: requests that ended before are deleted; None keeps them.
        now: the time, aware UTC.
        chores: what else is to be cleaned up, again and again.
    """

    def __init__(
        self,
        store: RequestStore,
        storage: ReportStorage,
        removal: ReportRemoval,
        batches: BatchChanges,
        *,
        retention: timedelta | None,
        now: Callable[[], datetime],
        chores: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._store = store
        self._storage = storage
        self._removal = removal
        self._batches = batches
        self._retention = retention
        self._now = now
        self._chores = chores

    async def run(self) -> None:
        """Clean up periodically."""
        for round_number in count():
            await self._store.fail_abandoned_sync(self._now())
            await self._store.expire_keys(self._now())
            for chore in self._chores:
                await chore()
            if self._retention is not None:
                await self.delete_old(self._now() - self._retention)
            if round_number % ORPHANS_EVERY_ROUNDS == ORPHANS_IN_ROUND:
                await self.delete_orphans()
            await asyncio.sleep(CLEANUP_INTERVAL_S)

    async def delete_old(self, ended_before: datetime) -> None:
        """Delete requests and batches that finished before a time, with their logs, keys and files."""
        while deleted := await self._store.delete_older_than(ended_before):
            await self._removal.remove(deleted)
        while (gone := await self._batches.delete_older_than(ended_before)).batches:
            await self._removal.remove(gone.entries)

    async def delete_orphans(self) -> None:
        """Delete files whose requests are gone and of which there is no note: what was written too late.

        A request is stored before its report is, so a file that nobody knows is one that nobody will ask for.
        """
        with suppress(OSError):  # health says what is wrong with the folder; the rest is to be cleaned up all the same
            await asyncio.to_thread(self._storage.clear_unfinished)
            stored = self._storage.stored_ids(IDS_LOOKED_UP_TOGETHER)
            while request_ids := await asyncio.to_thread(_next, stored):
                await self._delete_unknown(request_ids)

    async def _delete_unknown(self, request_ids: list[UUID]) -> None:
        known = await self._store.known(request_ids)
        orphans = [request_id for request_id in request_ids if request_id not in known]
        await asyncio.to_thread(self._storage.delete, orphans)


def _next(batches: Iterator[list[UUID]]) -> list[UUID]:
    return next(batches, [])
