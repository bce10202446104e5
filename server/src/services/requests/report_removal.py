"""Deletes the reports of deleted requests: immediately, and by a sweep for whatever that missed."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from src import failpoints
from src.services.requests.store import RequestStore

SWEEPS_EVERY_S = 15.0


class Deletes(Protocol):
    """The part of report storage that is needed here."""

    def delete(self, request_ids: Sequence[UUID], /) -> None:
        """Delete reports; missing ones are ignored.

        Raises:
            OSError: the storage refuses or is unavailable.
        """


class ReportRemoval:
    """Deletes reports. Deleting a request adds a row to `files_to_delete` in the same transaction.

    So a report is deleted even if the process dies first or the storage is unavailable: the sweep of any server finds
    the row. The storage is never listed for this.

    Args:
        store: the request store of this loop.
        storage: the report storage.
        threads: for blocking calls.
    """

    def __init__(self, store: RequestStore, storage: Deletes, threads: Executor) -> None:
        self._store = store
        self._storage = storage
        self._threads = threads

    async def remove(self, request_ids: Sequence[UUID]) -> None:
        """Delete the reports of requests that were just deleted; failures are left to the sweep."""
        failpoints.reached("after_delete_commit")
        with suppress(OSError):
            await self._delete(request_ids)

    async def run(self) -> None:
        """Sweep every `SWEEPS_EVERY_S`."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEPS_EVERY_S)

    async def sweep(self) -> None:
        """Delete every report in `files_to_delete` that is due; stops at the first failure of the storage."""
        with suppress(OSError):  # health reports the cause
            while request_ids := await self._store.files_to_delete():
                await self._delete(request_ids)

    async def _delete(self, request_ids: Sequence[UUID]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._storage.delete, request_ids)
        failpoints.reached("after_file_delete")
        await self._store.files_deleted(request_ids)
