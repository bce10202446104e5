"""What nobody waits for: expired keys, what processes that died left behind, and what is older than it should be."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from src.services.report_files.storage import ReportStorage
from src.services.requests.store import RequestStore

CLEANS_EVERY_S = 30.0
#: Listing every file costs more than the rest.
ORPHANS_EVERY_ROUNDS = 10
IDS_LOOKED_UP_TOGETHER = 1_000


class Janitor:
    """Cleans up in small batches. Belongs to the server's event loop.

    Args:
        store: the statements, on this loop.
        storage: where reports are.
        retention: requests that ended before are deleted; None keeps them.
        now: the time, aware UTC.
        chores: what else is to be cleaned up, again and again.
    """

    def __init__(
        self,
        store: RequestStore,
        storage: ReportStorage,
        *,
        retention: timedelta | None,
        now: Callable[[], datetime],
        chores: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._store = store
        self._storage = storage
        self._retention = retention
        self._now = now
        self._chores = chores

    async def run(self) -> None:
        """Clean up, again and again."""
        for round_number in count():
            if round_number % ORPHANS_EVERY_ROUNDS == 0:
                await self.delete_orphans()
            await self._store.fail_abandoned_sync(self._now())
            await self._store.expire_keys(self._now())
            for chore in self._chores:
                await chore()
            if self._retention is not None:
                await self.delete_old(self._now() - self._retention)
            await asyncio.sleep(CLEANS_EVERY_S)

    async def delete_old(self, ended_before: datetime) -> None:
        """Delete requests that ended before a moment, with their logs, keys and files."""
        while deleted := await self._store.delete_older_than(ended_before):
            await asyncio.to_thread(self._storage.delete, deleted)

    async def delete_orphans(self) -> None:
        """Delete files whose requests are gone: what a process left that died before it came to the file.

        A request is stored before its report is, so a file that nobody knows is one that nobody will ask for.
        """
        with suppress(OSError):  # health says what is wrong with the folder; the rest is to be cleaned up all the same
            await asyncio.to_thread(self._storage.clear_unfinished)
            stored = self._storage.stored_ids(IDS_LOOKED_UP_TOGETHER)
            while request_ids := await asyncio.to_thread(_next, stored):
                await self._delete_unknown(request_ids)

    async def _delete_unknown(self, request_ids: list[UUID]) -> None:
        known = await self._store.known(request_ids)
        await asyncio.to_thread(self._storage.delete, [one for one in request_ids if one not in known])


def _next(batches: Iterator[list[UUID]]) -> list[UUID]:
    return next(batches, [])
