"""Health, checked live on each request."""

import platform
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from src import __version__
from src.controllers import health_controller
from src.routes.http.dependencies import PartsDependency, ViewDependency
from src.routes.http.strict_query import PlainRoute
from src.routes.wire.worker import WorkerHealth, worker_health
from src.services.identity.caller import View
from src.services.metrics.last_hour import SERIES, STEP_S

router = APIRouter(prefix="/api/health", tags=["Health"], route_class=PlainRoute)


class DatabaseHealth(BaseModel):
    """Whether PostgreSQL answers, and takes changes."""

    connected: bool
    writable: bool
    round_trip_ms: float | None
    error: str | None


class QueueHealth(BaseModel):
    """What waits for generation; null when the database does not answer."""

    waiting: int | None
    oldest_age_ms: int | None


class CallbackHealth(BaseModel):
    """What waits for delivery; null when the database does not answer."""

    due: int | None
    retrying: int | None
    in_flight: int
    #: What this machine itself lacks for callbacks, such as file descriptors; they wait for it.
    local_trouble: str | None
    #: Lanes that wait for a place among those that send, and attempts that wait for a slot; null where another
    #: server delivers.
    lanes_waiting: int | None
    attempts_waiting: int | None
    #: Lanes that a fault of ours keeps from going on, and what it is.
    lanes_in_trouble: int | None
    trouble: str | None


class StorageHealth(BaseModel):
    """Whether reports can be written."""

    #: `folder` or `s3`.
    kind: Literal["folder", "s3"]
    writable: bool
    #: Null where nobody knows.
    free_bytes: int | None
    #: Why they cannot be, in words; null when they can.
    trouble: str | None


class TaskHealth(BaseModel):
    """A task that never ends. One that fails is `down` until it has run for a while again; `trouble` says why."""

    name: str
    state: Literal["running", "down"]
    since: datetime
    restarts: int
    trouble: str | None


class HealthAnswer(BaseModel):
    """The state of this server process. `unhealthy` comes with 503."""

    status: Literal["healthy", "unhealthy"]
    database: DatabaseHealth
    worker: WorkerHealth
    queue: QueueHealth
    callbacks: CallbackHealth
    storage: StorageHealth
    tasks: list[TaskHealth]
    version: str
    started_at: datetime
    uptime_seconds: int
    python: str
    system: str


#: One figure for each step, oldest first.
Figures = list[float | None]


class Series(BaseModel):
    """One number for each step: what happened in it, or what was so at its end. Null where nothing is known."""

    accepted: Figures
    refused: Figures
    completed: Figures
    failed: Figures
    attempts: Figures
    attempts_succeeded: Figures
    http_calls: Figures
    #: Answered 5xx.
    http_errors: Figures
    #: The 95th percentile of what ended in the step, seconds; likewise below.
    queue_wait_p95_s: Figures
    generation_p95_s: Figures
    time_to_callback_p95_s: Figures
    http_p95_s: Figures
    #: How late the loop of the HTTP server, and that of the worker, came back.
    event_loop_lag_p99_s: Figures
    worker_loop_lag_p99_s: Figures
    waiting: Figures
    oldest_age_s: Figures
    callbacks_owed: Figures
    receivers_paused: Figures
    websockets: Figures
    connections_used: Figures
    #: 1 or 0.
    leading: Figures
    database_up: Figures
    storage_up: Figures


class LastHourAnswer(BaseModel):
    """Figures of this process since its start, kept in memory; those of the queue are of all servers."""

    at: datetime
    step_s: float
    #: When each step ended.
    times: list[datetime]
    series: Series


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"]


class Ready(BaseModel):
    """Whether the process takes requests."""

    status: Literal["ready", "not ready"]
    reason: str | None


@router.get("", response_model=HealthAnswer, responses={503: {"model": HealthAnswer, "description": "Unhealthy."}})
async def get_health(response: Response, parts: PartsDependency, view: ViewDependency) -> HealthAnswer:
    """Return the live state of database, worker, queue, callbacks, storage and tasks."""
    health = await health_controller.examine(parts, view)
    response.status_code = 200 if health.healthy else 503
    return HealthAnswer(
        status="healthy" if health.healthy else "unhealthy",
        **_measured(health, view),
        version=__version__,
        started_at=parts.started_at,
        uptime_seconds=int((parts.now() - parts.started_at).total_seconds()),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
    )


@router.get("/last-hour", response_model=LastHourAnswer)
async def get_last_hour(parts: PartsDependency, view: ViewDependency) -> LastHourAnswer:
    """Read the figures of the last hour in steps of 15 s, as `GET /metrics` has them; nothing is asked of the database.

    They are of the whole service, and so empty for an account that shares it with others.
    """
    steps = parts.last_hour.steps if view.covers_service else ()
    series = {name: [step.figures.get(name) for step in steps] for name in SERIES}
    return LastHourAnswer(at=parts.now(), step_s=STEP_S, times=[step.at for step in steps], series=Series(**series))


@router.get("/live", response_model=Alive)
async def get_liveness() -> Alive:
    """Answer while the process lives; for an orchestrator that restarts what does not."""
    return Alive(status="alive")


@router.get("/ready", response_model=Ready, responses={503: {"model": Ready, "description": "Not ready."}})
async def get_readiness(response: Response, parts: PartsDependency) -> Ready:
    """Return whether requests can be accepted now, as a readiness probe for orchestrators and load balancers."""
    reason = await health_controller.why_not_ready(parts)
    response.status_code = 503 if reason else 200
    return Ready(status="not ready" if reason else "ready", reason=reason)


def _measured(health: health_controller.Health, view: View) -> dict[str, Any]:
    depth, worker = health.depth, health.visible_worker
    if worker is None:  # whose requests it works on cannot be looked up
        worker = health.worker if view.covers_service else replace(health.worker, busy_with=None, delivery=None)
    oldest_age_ms = None if health.oldest_waiting_age_s is None else round(health.oldest_waiting_age_s * 1000)
    return {
        "database": DatabaseHealth(
            connected=health.database.round_trip_ms is not None,
            writable=health.database.writable,
            round_trip_ms=health.database.round_trip_ms,
            error=health.database.error,
        ),
        "worker": worker_health(worker),
        "queue": QueueHealth(waiting=depth and depth.waiting, oldest_age_ms=oldest_age_ms),
        "callbacks": CallbackHealth(
            due=depth and depth.callbacks_due,
            retrying=depth and depth.callbacks_retrying,
            in_flight=worker.callbacks_in_flight,
            local_trouble=health.local_trouble,
            lanes_waiting=worker.delivery and worker.delivery.waiting_for_place,
            attempts_waiting=worker.delivery and worker.delivery.waiting_for_slot,
            lanes_in_trouble=worker.delivery and len(worker.delivery.troubles),
            trouble=next(iter(worker.delivery.troubles), None) if worker.delivery else None,
        ),
        "storage": StorageHealth(**asdict(health.storage)),
        "tasks": [TaskHealth(**asdict(task)) for task in health.tasks],
    }
