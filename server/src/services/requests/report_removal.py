"""Deleting the reports of requests that are gone: at once, and whatever happens in between."""

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
    """The store of reports, as far as it is needed here."""

    def delete(self, request_ids: Sequence[UUID], /) -> None:
        """Delete reports; missing ones are ignored.

        Raises:
            OSError: the store refuses or is away.
        """


class ReportRemoval:
    """Deletes reports. Every deleted request leaves a note in `files_to_delete`, in the same transaction.

    So a report is deleted even if the process dies before it comes to it, or the store is away: the sweep of any
    server finds the note. Nothing looks through the whole store.

    Args:
        store: the statements, on this loop.
        storage: where reports are.
        threads: for what blocks.
    """

    def __init__(self, store: RequestStore, storage: Deletes, threads: Executor) -> None:
        self._store = store
        self._storage = storage
        self._threads = threads

    async def remove(self, request_ids: Sequence[UUID]) -> None:
        """Delete the reports of requests that were just deleted; what fails is left to the sweep."""
        failpoints.reached("after_delete_commit")
        with suppress(OSError):
            await self._delete(request_ids)

    async def run(self) -> None:
        """Sweep, again and again."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEPS_EVERY_S)

    async def sweep(self) -> None:
        """Delete every report that is noted and due; while the store is away, none."""
        with suppress(OSError):  # health says what is wrong with it
            while request_ids := await self._store.files_to_delete():
                await self._delete(request_ids)

    async def _delete(self, request_ids: Sequence[UUID]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._storage.delete, request_ids)
        failpoints.reached("after_file_delete")
        await self._store.files_deleted(request_ids)
