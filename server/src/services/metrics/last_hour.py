"""The last hour of a few figures, kept in memory for the page's charts: no Prometheus needed.

Counters become how often something happened in a step, histograms a percentile of it. An hour takes some 100 KB.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from src.services.metrics.metrics import Metrics
from src.services.metrics.snapshot import Snapshot

STEP_S = 15.0
#: One hour.
STEPS_MAX = 240

#: The counters: name of the series here, and which samples are added up.
_COUNTED: Mapping[str, tuple[str, Mapping[str, str]]] = MappingProxyType(
    {
        "accepted": ("frg_requests_accepted_total", {}),
        "refused": ("frg_requests_refused_total", {}),
        "completed": ("frg_requests_finished_total", {"status": "completed"}),
        "failed": ("frg_requests_finished_total", {"status": "failed"}),
        "attempts": ("frg_callback_attempts_total", {}),
        "attempts_succeeded": ("frg_callback_attempts_total", {"outcome": "success"}),
        "http_calls": ("frg_http_requests_total", {}),
        "http_errors": ("frg_http_requests_total", {"status": "5xx"}),
    }
)
#: The histograms: name of the series here, which one, and which percentile.
_TIMED: Mapping[str, tuple[str, Mapping[str, str], float]] = MappingProxyType(
    {
        "queue_wait_p95_s": ("frg_queue_wait_seconds_bucket", {}, 0.95),
        "generation_p95_s": ("frg_generation_seconds_bucket", {}, 0.95),
        "time_to_callback_p95_s": ("frg_time_to_callback_seconds_bucket", {}, 0.95),
        "http_p95_s": ("frg_http_request_seconds_bucket", {}, 0.95),
        "event_loop_lag_p99_s": ("frg_event_loop_lag_seconds_bucket", {"loop": "server"}, 0.99),
        "worker_loop_lag_p99_s": ("frg_event_loop_lag_seconds_bucket", {"loop": "worker"}, 0.99),
    }
)
#: What a moment has instead of a step.
_GAUGES = (
    *("waiting", "oldest_age_s", "callbacks_owed", "receivers_paused", "websockets", "connections_used"),
    *("leading", "database_up", "storage_up"),
)
SERIES = (*_COUNTED, *_TIMED, *_GAUGES)

Buckets = Mapping[float, float]


@dataclass(frozen=True, slots=True)
class Totals:
    """What was counted up to a moment: numbers by series, and numbers up to each bound."""

    counted: Mapping[str, float]
    timed: Mapping[str, Buckets]


@dataclass(frozen=True, slots=True)
class Step:
    """The figures of one step that ended at `at`; None where nothing is known, or nothing happened to be timed."""

    at: datetime
    figures: Mapping[str, float | None] = field(default_factory=dict)


class LastHour:
    """Keeps the steps of the last hour. Belongs to one event loop.

    Args:
        metrics: what this process counts.
        now: the time, aware UTC.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        metrics: Metrics,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._metrics = metrics
        self._now = now
        self._sleep = sleep
        self._steps: deque[Step] = deque(maxlen=STEPS_MAX)

    @property
    def steps(self) -> Sequence[Step]:
        """The steps, oldest first; the first one ended `STEP_S` after the start."""
        return tuple(self._steps)

    async def run(self, look: Callable[[], Awaitable[Snapshot]]) -> None:
        """Add a step every `STEP_S`.

        Args:
            look: returns the gauges of this moment.
        """
        before = totals_of(self._metrics.registry.collect())
        while True:
            await self._sleep(STEP_S)
            snapshot = await look()
            now = totals_of(self._metrics.registry.collect())
            self._steps.append(Step(self._now(), {**happened(before, now), **_gauges(snapshot)}))
            before = now


def totals_of(metrics: Iterable[Metric]) -> Totals:
    """Add up what the series need."""
    samples: dict[str, list[Sample]] = {}
    for metric in metrics:
        for sample in metric.samples:
            samples.setdefault(sample.name, []).append(sample)

    def matching(name: str, labels: Mapping[str, str]) -> Iterable[Sample]:
        return (one for one in samples.get(name, ()) if labels.items() <= one.labels.items())

    def up_to(name: str, labels: Mapping[str, str]) -> Buckets:
        buckets: dict[float, float] = {}
        for one in matching(name, labels):
            bound = float(one.labels["le"])
            buckets[bound] = buckets.get(bound, 0.0) + one.value
        return buckets

    return Totals(
        counted={series: sum(one.value for one in matching(*which)) for series, which in _COUNTED.items()},
        timed={series: up_to(name, labels) for series, (name, labels, _) in _TIMED.items()},
    )


def happened(before: Totals, now: Totals) -> dict[str, float | None]:
    """Return what happened between two moments: numbers, and percentiles in seconds."""
    figures: dict[str, float | None] = {
        series: value - before.counted.get(series, 0.0) for series, value in now.counted.items()
    }
    for series, (_, _, share) in _TIMED.items():
        earlier = before.timed[series]
        figures[series] = percentile(
            {bound: value - earlier.get(bound, 0.0) for bound, value in now.timed[series].items()}, share
        )
    return figures


def percentile(up_to: Buckets, share: float) -> float | None:
    """Estimate a percentile from the numbers up to each bound, as `histogram_quantile` of Prometheus does.

    Beyond the last finite bound it is that bound; None where nothing was measured.
    """
    bounds = sorted(up_to)
    counts = [up_to[bound] for bound in bounds]
    if not counts or counts[-1] <= 0:
        return None
    rank = share * counts[-1]
    place = bisect_left(counts, rank)
    if place == len(bounds) - 1:
        return bounds[-2]
    low, below = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    return low + (bounds[place] - low) * (rank - below) / (counts[place] - below)


def _gauges(now: Snapshot) -> dict[str, float | None]:
    table = now.table
    return {
        "waiting": None if table is None else sum(table.waiting.values()),
        "oldest_age_s": None if table is None else max(table.oldest_age_s.values()),
        "callbacks_owed": None if table is None else table.callbacks_owed,
        "receivers_paused": None if table is None else table.receivers_paused,
        "websockets": now.websockets,
        "connections_used": now.connections_used,
        "leading": float(now.leading),
        "database_up": float(now.database_up),
        "storage_up": float(now.storage_up),
    }
