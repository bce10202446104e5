"""The worker, as health and the queue show it."""

from uuid import UUID

from pydantic import BaseModel

from src.services.engine.protocol import EngineState


class WorkerHealth(BaseModel):
    """What the worker thread does."""

    alive: bool
    leading: bool
    busy_with: UUID | None
    heartbeat_age_ms: int | None
    trouble: str | None


def worker_health(worker: EngineState) -> WorkerHealth:
    """Show what the worker says of itself."""
    return WorkerHealth(
        alive=worker.alive,
        leading=worker.leading,
        busy_with=worker.busy_with,
        heartbeat_age_ms=None if worker.heartbeat_age_s is None else round(worker.heartbeat_age_s * 1000),
        trouble=worker.trouble,
    )
