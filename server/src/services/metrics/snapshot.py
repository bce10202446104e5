"""What is looked up when somebody asks: how much waits, who leads, what answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from src.models import Priority
from src.services.kit.supervision import TaskState
from src.services.metrics.metrics import Metrics
from src.services.requests.reader import RequestReader

#: Figures from the database are as old as this at most, seconds.
CACHED_S = 5.0
LAG_MEASURED_EVERY_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFigures:
    """What the database says, which the leader alone tells."""

    waiting: Mapping[Priority, int]
    oldest_age_s: Mapping[Priority, float]
    callbacks_owed: int
    receivers_paused: int
    #: Seconds since 1970 UTC; None where no key ends.
    next_key_ends_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """This process at one moment."""

    leading: bool
    busy: bool
    websockets: int
    connections_idle: int
    connections_used: int
    database_up: bool
    storage_up: bool
    tasks: list[TaskState] = field(default_factory=list)
    #: None where another process leads, or the database does not answer.
    table: TableFigures | None = None


class SnapshotCollector(Collector):
    """Shows the last snapshot that was put into it."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def describe(self) -> Iterator[Metric]:
        """Nothing can be said before the first snapshot."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Write the snapshot as metrics."""
        if (now := self.snapshot) is None:
            return
        yield _gauge("frg_leader", "Whether this process works", now.leading)
        yield _gauge("frg_websockets", "Who watches", now.websockets)
        yield _gauge("frg_database_up", "Whether the database takes changes", now.database_up)
        yield _gauge("frg_storage_up", "Whether reports can be written", now.storage_up)
        connections = {"idle": now.connections_idle, "used": now.connections_used}
        yield _gauges("frg_db_pool_connections", "Connections of the server's own pool", "state", connections.items())
        workers = {"busy": now.leading and now.busy, "idle": now.leading and not now.busy}
        yield _gauges("frg_workers", "Threads that generate reports", "state", workers.items())
        restarts = CounterMetricFamily("frg_task_restarts", "Long-lived tasks begun again", labels=["task"])
        for task in now.tasks:
            restarts.add_metric([task.name], task.restarts)
        yield restarts
        if now.table is not None:
            yield from _of_the_table(now.table)


def _of_the_table(table: TableFigures) -> Iterator[Metric]:
    yield _gauges("frg_queue_waiting", "Requests that wait for their report", "priority", table.waiting.items())
    oldest = "How long the first of them has waited"
    yield _gauges("frg_queue_oldest_age_seconds", oldest, "priority", table.oldest_age_s.items())
    yield _gauge("frg_callbacks_owed", "Callbacks that are owed", table.callbacks_owed)
    yield _gauge("frg_receivers_paused", "Receivers with a pause", table.receivers_paused)
    if table.next_key_ends_s is not None:
        ends = "When the next API key ends that was neither revoked nor rotated"
        yield _gauge("frg_key_expiry_timestamp_seconds", ends, table.next_key_ends_s)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _gauges(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values:
        family.add_metric([word], float(value))
    return family


class Cached:
    """A figure that is looked up again when it is older than `CACHED_S`. Belongs to one event loop."""

    def __init__(
        self, look_up: Callable[[], Awaitable[TableFigures]], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._look_up = look_up
        self._now_s = now_s
        self._found: TableFigures | None = None
        self._good_until_s = 0.0
        self._looking = asyncio.Lock()

    async def get(self) -> TableFigures:
        """Find the figures; those who ask at the same time share one look."""
        async with self._looking:
            if self._found is None or self._now_s() >= self._good_until_s:
                self._found = await self._look_up()
                self._good_until_s = self._now_s() + CACHED_S
            return self._found


def table_figures(reader: RequestReader, now: Callable[[], datetime]) -> Cached:
    """Look the figures up in the table."""

    def age_s(at: datetime | None) -> float:
        return max(0.0, (now() - at).total_seconds()) if at else 0.0

    async def look_up() -> TableFigures:
        found = await reader.figures()
        return TableFigures(
            waiting=found.waiting,
            oldest_age_s={priority: age_s(at) for priority, at in found.oldest_waiting_at.items()},
            callbacks_owed=found.callbacks_owed,
            receivers_paused=found.receivers_paused,
            next_key_ends_s=found.next_key_ends_at.timestamp() if found.next_key_ends_at else None,
        )

    return Cached(look_up)


async def measure_loop_lag(metrics: Metrics) -> None:
    """Measure, again and again, how late the server's event loop comes back."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + LAG_MEASURED_EVERY_S
        await asyncio.sleep(LAG_MEASURED_EVERY_S)
        metrics.came_back("server", max(0.0, loop.time() - due_s))
