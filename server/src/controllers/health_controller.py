"""Use case: tell how the service is. Every figure is taken at the moment it is asked for."""

import asyncio
import time
from dataclasses import dataclass

from src.errors import DatabaseAway
from src.services.background_worker import WorkerState
from src.services.parts import Parts
from src.services.report_storage import StorageState
from src.services.request_reader import QueueDepth


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was found. Counts are null when the database does not answer."""

    database_round_trip_ms: float | None
    database_error: str | None
    worker: WorkerState
    depth: QueueDepth | None
    oldest_waiting_age_s: float | None
    storage: StorageState
    #: What this machine lacks for callbacks, in words; null when nothing.
    local_trouble: str | None

    @property
    def healthy(self) -> bool:
        """Whether requests can be accepted, worked on, and called back."""
        delivers = self.worker.delivery is None or not self.worker.delivery.troubles
        return self.database_error is None and self.worker.alive and self.storage.writable and delivers


async def examine(parts: Parts) -> Health:
    """Look at every part."""
    storage = await asyncio.get_running_loop().run_in_executor(parts.threads, parts.storage.state)
    try:
        round_trip_ms = await _round_trip_ms(parts)
        depth = await parts.reader.depth(parts.now())
    except DatabaseAway as error:
        return Health(
            database_round_trip_ms=None,
            database_error=error.detail,
            worker=parts.worker.state(),
            depth=None,
            oldest_waiting_age_s=None,
            storage=storage,
            local_trouble=parts.local_lacks.trouble,
        )
    oldest = depth.oldest_waiting_at
    return Health(
        database_round_trip_ms=round_trip_ms,
        database_error=None,
        worker=parts.worker.state(),
        depth=depth,
        oldest_waiting_age_s=None if oldest is None else max(0, (parts.now() - oldest).total_seconds()),
        storage=storage,
        local_trouble=parts.local_lacks.trouble,
    )


async def why_not_ready(parts: Parts) -> str | None:
    """Say why requests cannot be taken now; None when they can."""
    if parts.stopping.is_set():
        return "The server is stopping."
    try:
        await parts.reader.ping()
    except DatabaseAway as error:
        return error.detail
    return None if parts.worker.state().alive else "The worker is not running."


async def _round_trip_ms(parts: Parts) -> float:
    started_s = time.perf_counter()
    await parts.reader.ping()
    return round((time.perf_counter() - started_s) * 1000, 2)
