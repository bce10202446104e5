"""What happened in this process, counted: an observer of the same records that the log and the watchers hear of.

Labels come from fixed sets: no id, name, account, address or URL is ever one, and so callers cannot make series.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from types import MappingProxyType
from typing import Literal, get_args
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from src.models import Mode, Priority, Status
from src.services.kit.lru import LruDict
from src.services.requests.observers import Ended, Observers, Refused, together
from src.services.requests.records import Attempt, NewRequest

disable_created_metrics()  # type: ignore[no-untyped-call]  # a sample more for each counter, and nobody reads it

#: Requests whose callback is owed, remembered for the time it took; those beyond are counted, but not timed.
OWED_REMEMBERED_MAX = 100_000
SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
LONG_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 21_600.0)
#: The labels of the buckets of `SHORT_S`.
_BOUNDS = (*map(str, SHORT_S), "+Inf")
BATCH_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 1_000)

REFUSED_FOR: Mapping[str, str] = MappingProxyType(
    {
        "callback-url-forbidden": "callback_url",
        "body-too-large": "too_large",
        "rate-limited": "rate",
        "batch-exceeds-rate-limit": "rate",
        "scope-missing": "scope",
        "too-many-waiting": "waiting",
        "too-many-receivers": "waiting",
        "unavailable": "unavailable",
    }
)
#: How problems begin that are about credentials.
CREDENTIALS = ("key-", "token-")
REASONS = ("invalid", "callback_url", "too_large", "credentials", "scope", "rate", "waiting", "unavailable")
#: What an attempt without an HTTP status was; whatever is not here is `http`.
OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "timeout": "timeout",
        "connect_failed": "connection",
        "connection_reset": "connection",
        "local_resources": "connection",
        "tls_failure": "tls",
        "dns_failure": "dns",
        "blocked_address": "blocked",
        "expired": "expired",
    }
)
OPERATIONS = ("sync", "async", "batch", "read", "other")
StorageOperation = Literal["write", "read", "list", "delete"]
#: The event loops: of the HTTP server, and of the thread that generates and delivers.
Loop = Literal["server", "worker"]


class Metrics:
    """Counters and histograms; from any thread. What is looked up when it is asked for is in `Snapshot`.

    Args:
        version: of the service.
    """

    def __init__(self, version: str) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = RequestMetrics(registry)
        self._callbacks = CallbackMetrics(registry)
        self.http = HttpMetrics(registry)
        lag = Histogram(
            "frg_event_loop_lag_seconds", "How late a loop comes back", ["loop"], buckets=SHORT_S, registry=registry
        )
        self._lag = {loop: lag.labels(loop) for loop in get_args(Loop)}
        errors = Counter("frg_storage_errors", "Operations of the store that failed", ["operation"], registry=registry)
        self._storage_errors = {operation: errors.labels(operation) for operation in get_args(StorageOperation)}
        Gauge("frg_build_info", "The version", ["version"], registry=registry).labels(version).set(1)

    def came_back(self, loop: Loop, late_s: float) -> None:
        """Count that an event loop came back, and how late."""
        self._lag[loop].observe(late_s)

    def storage_failed(self, operation: StorageOperation) -> None:
        """Count an operation of the store that failed."""
        self._storage_errors[operation].inc()

    def observers(self) -> Observers:
        """Make the observer that counts."""
        requests, callbacks = self._requests, self._callbacks
        ends = together(Observers(ended=requests.ended), Observers(ended=callbacks.ended))
        return Observers(
            accepted=requests.accepted, refused=requests.refused, ended=ends.ended, attempted=callbacks.attempted
        )


class RequestMetrics:
    """Requests and their reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        accepted = Counter("frg_requests_accepted", "Requests stored", ["mode", "priority"], registry=registry)
        refused = Counter("frg_requests_refused", "Submissions refused", ["mode", "reason"], registry=registry)
        finished = Counter("frg_requests_finished", "Requests that ended", ["mode", "status"], registry=registry)
        generation = Histogram(
            "frg_generation_seconds", "From a report's begin to its end", ["mode"], buckets=LONG_S, registry=registry
        )
        ends = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
        self._accepted = {
            (mode, priority): accepted.labels(mode.value, priority.value) for mode in Mode for priority in Priority
        }
        self._refused = {(mode, reason): refused.labels(mode.value, reason) for mode in Mode for reason in REASONS}
        self._finished = {(mode, end): finished.labels(mode.value, end.value.lower()) for mode in Mode for end in ends}
        self._generation = {mode: generation.labels(mode.value) for mode in Mode}
        self._waited = Histogram(
            "frg_queue_wait_seconds", "Async: waiting for its turn", buckets=LONG_S, registry=registry
        )
        self._rows = Counter("frg_report_rows", "Rows of reports", registry=registry)
        self._bytes = Counter("frg_report_bytes", "Bytes of reports", registry=registry)
        self._batches = Histogram(
            "frg_accept_batch_size", "Requests of one transaction", buckets=BATCH_SIZES, registry=registry
        )

    def accepted(self, requests: Sequence[NewRequest]) -> None:
        """Count what one transaction stored."""
        self._batches.observe(len(requests))
        for kind, count in Tally((request.mode, request.priority) for request in requests).items():
            self._accepted[kind].inc(count)

    def refused(self, refused: Refused) -> None:
        """Count a submission that was refused."""
        of_credentials = refused.problem.startswith(CREDENTIALS)
        reason = "credentials" if of_credentials else REFUSED_FOR.get(refused.problem, "invalid")
        self._refused[refused.mode, reason].inc()

    def ended(self, ended: Sequence[Ended]) -> None:
        """Count reports that have ended."""
        for one in ended:
            self._finished[one.mode, one.status].inc()
            if one.status is Status.CANCELLED:  # its times are those of its caller's decision
                continue
            if one.generating_s is not None:
                self._generation[one.mode].observe(one.generating_s)
            if one.mode is Mode.ASYNC:
                self._waited.observe(one.waiting_s)
            self._rows.inc(one.rows)
            self._bytes.inc(one.size_bytes)


class CallbackMetrics:
    """Attempts to deliver callbacks, and how long a callback took in all."""

    def __init__(self, registry: CollectorRegistry) -> None:
        attempts = Counter("frg_callback_attempts", "Attempts to deliver", ["outcome"], registry=registry)
        outcomes = ("success", "status_3xx", "status_4xx", "status_5xx", "http", *OUTCOMES.values())
        self._attempts = {outcome: attempts.labels(outcome) for outcome in outcomes}
        self._took = Histogram(
            "frg_callback_attempt_seconds", "How long an attempt took", buckets=SHORT_S, registry=registry
        )
        self._since_accepted = Histogram(
            "frg_time_to_callback_seconds", "From acceptance to delivery", buckets=LONG_S, registry=registry
        )
        self._accepted_at: LruDict[UUID, datetime] = LruDict(OWED_REMEMBERED_MAX)

    def ended(self, ended: Sequence[Ended]) -> None:
        """Remember when requests were accepted whose callbacks are owed from now on."""
        for one in ended:
            if one.mode is Mode.ASYNC and one.status is not Status.CANCELLED:
                self._accepted_at[one.request_id] = one.created_at

    def attempted(self, attempt: Attempt) -> None:
        """Count an attempt that has ended."""
        self._attempts[outcome_of(attempt)].inc()
        self._took.observe((attempt.ended_at - attempt.attempted_at).total_seconds())
        if attempt.next_attempt_at is not None:
            return
        accepted_at = self._accepted_at.pop(attempt.request_id, None)  # one that is delivered again is not timed
        if attempt.success and accepted_at is not None:
            self._since_accepted.observe((attempt.ended_at - accepted_at).total_seconds())


class HttpMetrics(Collector):
    """HTTP calls by route, method and kind of status. Belongs to the server's loop.

    Counted in plain integers, without the locks of the library's metrics: it happens on every call.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls: dict[tuple[str, str, int], int] = {}
        self._took = {operation: _Durations() for operation in OPERATIONS}
        registry.register(self)

    def answered(self, route: str, method: str, status: int, operation: str, seconds: float) -> None:
        """Count a call.

        Args:
            route: the template of a route, or `other`.
            method: one that this route answers, or `other`.
            status: the answer's, 100 to 599.
            operation: one of `OPERATIONS`.
            seconds: how long it took.
        """
        key = (route, method, status // 100)
        self._calls[key] = self._calls.get(key, 0) + 1
        took = self._took[operation]
        took.counts[bisect_left(SHORT_S, seconds)] += 1
        took.sum_s += seconds

    def collect(self) -> Iterator[Metric]:
        """Write what was counted as metrics."""
        calls = CounterMetricFamily("frg_http_requests", "HTTP calls answered", labels=["route", "method", "status"])
        for (route, method, hundreds), count in self._calls.items():
            calls.add_metric([route, method, f"{hundreds}xx"], count)
        yield calls
        took = HistogramMetricFamily(
            "frg_http_request_seconds", "How long an answer took, to its last byte", labels=["operation"]
        )
        for operation, durations in self._took.items():
            up_to = zip(_BOUNDS, accumulate(durations.counts), strict=True)
            took.add_metric([operation], buckets=list(up_to), sum_value=durations.sum_s)
        yield took


class _Durations:
    """How many took how long: one count for each bucket of `SHORT_S`, the last for what took longer."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(SHORT_S) + 1)
        self.sum_s = 0.0


def outcome_of(attempt: Attempt) -> str:
    """Say in a word what came of an attempt."""
    if attempt.success:
        return "success"
    if attempt.status_code is not None:
        return f"status_{attempt.status_code // 100}xx"
    return OUTCOMES.get(attempt.error_code or "", "http")
