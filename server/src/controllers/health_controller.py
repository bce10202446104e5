"""Use case: tell how the service is. Every figure is taken at the moment it is asked for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from src.errors import DatabaseAway
from src.services.engine.protocol import EngineState
from src.services.kit.supervision import TaskState
from src.services.parts import Parts
from src.services.report_files.storage import StorageState
from src.services.requests.reader import QueueDepth


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What the database does. `round_trip_ms` is null when it does not answer, and `error` when all is well."""

    round_trip_ms: float | None
    writable: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was found. Counts are null when the database does not answer."""

    database: DatabaseState
    worker: EngineState
    depth: QueueDepth | None
    oldest_waiting_age_s: float | None
    storage: StorageState
    #: What this machine lacks for callbacks, in words; null when nothing.
    local_trouble: str | None
    tasks: Sequence[TaskState]

    @property
    def healthy(self) -> bool:
        """Whether requests can be accepted, worked on, and called back."""
        delivers = self.worker.delivery is None or not self.worker.delivery.troubles
        all_run = all(task.state == "running" for task in self.tasks)
        return self.database.writable and self.worker.alive and self.storage.writable and delivers and all_run


async def examine(parts: Parts) -> Health:
    """Look at every part."""
    storage = await asyncio.get_running_loop().run_in_executor(parts.threads, parts.storage.state)
    database, depth = await _database(parts)
    oldest = depth.oldest_waiting_at if depth else None
    return Health(
        database=database,
        worker=parts.engine.state(),
        depth=depth,
        oldest_waiting_age_s=None if oldest is None else max(0, (parts.now() - oldest).total_seconds()),
        storage=storage,
        local_trouble=parts.local_lacks.trouble,
        tasks=parts.tasks.states(),
    )


async def why_not_ready(parts: Parts) -> str | None:
    """Say why requests cannot be taken now; None when they can."""
    if parts.stopping.is_set():
        return "The server is stopping."
    try:
        await parts.database.check()
    except DatabaseAway as error:
        return error.detail
    return None if parts.engine.state().alive else "The worker is not running."


async def _database(parts: Parts) -> tuple[DatabaseState, QueueDepth | None]:
    try:
        round_trip_ms = await parts.database.round_trip_ms()
        depth = await parts.reader.depth(parts.now())
    except DatabaseAway as error:
        return DatabaseState(round_trip_ms=None, writable=False, error=error.detail), None
    try:
        await parts.database.check()
    except DatabaseAway as error:
        return DatabaseState(round_trip_ms=round_trip_ms, writable=False, error=error.detail), depth
    return DatabaseState(round_trip_ms=round_trip_ms, writable=True, error=None), depth
