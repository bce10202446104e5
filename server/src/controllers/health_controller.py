"""Use case: report the health of the service, measured at the moment of the call."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from src.errors import DatabaseAway
from src.services.engine.protocol import EngineState
from src.services.engine.visible_state import visible_state
from src.services.identity.caller import View
from src.services.kit.supervision import TaskState
from src.services.parts import Parts
from src.services.report_files.storage import StorageState
from src.services.requests.reader import QueueDepth


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """State of the database. `round_trip_ms` is None if it does not respond, `error` if it is healthy."""

    round_trip_ms: float | None
    writable: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """State of every component. Counts are None if the database does not respond."""

    database: DatabaseState
    worker: EngineState
    #: What the caller may see of it; null if the database does not respond.
    visible_worker: EngineState | None
    depth: QueueDepth | None
    oldest_waiting_age_s: float | None
    storage: StorageState
    #: The local resource that callbacks lack, as a sentence; None if there is none.
    local_trouble: str | None
    tasks: Sequence[TaskState]

    @property
    def healthy(self) -> bool:
        """Whether requests can be accepted, processed and called back."""
        delivers = self.worker.delivery is None or not self.worker.delivery.troubles
        all_run = all(task.state == "running" for task in self.tasks)
        return self.database.writable and self.worker.alive and self.storage.writable and delivers and all_run


async def examine(parts: Parts, view: View) -> Health:
    """Check every component; never raises for one that is unavailable."""
    storage = await asyncio.get_running_loop().run_in_executor(parts.threads, parts.storage.state)
    database, depth = await _database(parts, view)
    oldest = depth.oldest_waiting_at if depth else None
    return Health(
        database=database,
        worker=parts.engine.state(),
        visible_worker=await _visible_worker(parts, view),
        depth=depth,
        oldest_waiting_age_s=None if oldest is None else max(0, (parts.now() - oldest).total_seconds()),
        storage=storage,
        local_trouble=parts.local_lacks.trouble,
        tasks=parts.tasks.states(),
    )


async def _visible_worker(parts: Parts, view: View) -> EngineState | None:
    try:
        return await visible_state(parts.reader, parts.engine, view)
    except DatabaseAway:
        return None


async def why_not_ready(parts: Parts) -> str | None:
    """Return why requests cannot be accepted at the moment, as a sentence; None if they can."""
    if parts.stopping.is_set():
        return "The server is stopping."
    try:
        await parts.database.check()
    except DatabaseAway as error:
        return error.detail
    return None if parts.engine.state().alive else "The worker is not running."


async def _database(parts: Parts, view: View) -> tuple[DatabaseState, QueueDepth | None]:
    try:
        round_trip_ms = await parts.database.round_trip_ms()
        depth = await parts.reader.depth(parts.now(), view)
    except DatabaseAway as error:
        return DatabaseState(round_trip_ms=None, writable=False, error=error.detail), None
    try:
        await parts.database.check()
    except DatabaseAway as error:
        return DatabaseState(round_trip_ms=round_trip_ms, writable=False, error=error.detail), depth
    return DatabaseState(round_trip_ms=round_trip_ms, writable=True, error=None), depth
