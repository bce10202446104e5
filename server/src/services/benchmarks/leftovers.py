"""Cleanup after benchmarks: their requests and files, whichever process started the run and however it ended."""

from collections.abc import Callable
from datetime import datetime

from src.services.benchmarks.store import BenchmarkStore
from src.services.requests.report_removal import ReportRemoval
from src.services.requests.store import RequestStore


class BenchmarkLeftovers:
    """Deletes them, when a run ends and again and again, because its process may die before.

    Args:
        runs: the runs.
        store: the requests, on the same event loop.
        removal: deletes their reports.
        now: the time, aware UTC.
    """

    def __init__(
        self, runs: BenchmarkStore, store: RequestStore, removal: ReportRemoval, now: Callable[[], datetime]
    ) -> None:
        self._runs = runs
        self._store = store
        self._removal = removal
        self._now = now

    async def clean_up(self) -> None:
        """Fail the run of a process that died, and delete the requests and files of finished runs.

        A run is recorded before it sends anything and never restarts, so if it is not in progress after its requests
        were seen, they can be deleted.
        """
        await self._runs.fail_abandoned(self._now())
        left = await self._store.runs_with_requests()
        ended = set(left) - await self._runs.running() if left else None
        while ended and (deleted := await self._store.delete_of_runs(ended)):
            await self._removal.remove(deleted)
