"""What is counted, in which words; and nothing that callers send makes a series."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import generate_latest

from src.models import Mode, Priority, Status
from src.services.kit.supervision import TaskState
from src.services.metrics.metrics import REASONS, Metrics, outcome_of
from src.services.metrics.snapshot import CACHED_S, Cached, Snapshot, SnapshotCollector, TableFigures
from src.services.requests.observers import Ended, Refused
from src.services.requests.records import Attempt

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ID = UUID(int=1)


def attempt(number: int = 1, *, status: int | None = 200, error: str | None = None, retried: bool = False) -> Attempt:
    return Attempt(
        request_id=ID,
        attempt_number=number,
        attempted_at=NOON + timedelta(seconds=9),
        ended_at=NOON + timedelta(seconds=10),
        status_code=status,
        success=status == 200,
        error_code=error,
        next_attempt_at=NOON + timedelta(seconds=20) if retried else None,
    )


def ended(mode: Mode = Mode.ASYNC, status: Status = Status.COMPLETED) -> Ended:
    return Ended(
        request_id=ID,
        mode=mode,
        status=status,
        waiting_s=2.0,
        generating_s=0.5 if status is Status.COMPLETED else None,
        created_at=NOON,
        rows=50,
        size_bytes=4_000,
    )


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_report_that_ended_is_counted_with_its_times_rows_and_bytes() -> None:
    metrics = Metrics("1")
    metrics.observers().ended([ended(), ended(Mode.SYNC), ended(status=Status.FAILED)])

    assert value(metrics, "frg_requests_finished_total", mode="async", status="completed") == 1
    assert value(metrics, "frg_requests_finished_total", mode="sync", status="completed") == 1
    assert value(metrics, "frg_requests_finished_total", mode="async", status="failed") == 1
    assert value(metrics, "frg_generation_seconds_sum", mode="async") == 0.5
    assert value(metrics, "frg_queue_wait_seconds_count") == 2
    assert (value(metrics, "frg_report_rows_total"), value(metrics, "frg_report_bytes_total")) == (150, 12_000)


def test_what_was_cancelled_is_counted_without_its_times() -> None:
    metrics = Metrics("1")
    metrics.observers().ended([ended(mode, Status.CANCELLED) for mode in Mode])

    for mode in Mode:
        assert value(metrics, "frg_requests_finished_total", mode=mode.value, status="cancelled") == 1
        assert value(metrics, "frg_generation_seconds_count", mode=mode.value) == 0
    assert value(metrics, "frg_queue_wait_seconds_count") == 0


def test_the_time_to_callback_is_counted_once_when_it_was_delivered() -> None:
    metrics = Metrics("1")
    hears = metrics.observers()
    hears.ended([ended()])
    hears.attempted(attempt(1, status=500, retried=True))
    hears.attempted(attempt(2))
    hears.attempted(attempt(3))  # delivered again

    assert value(metrics, "frg_time_to_callback_seconds_count") == 1
    assert value(metrics, "frg_time_to_callback_seconds_sum") == 10
    assert value(metrics, "frg_callback_attempts_total", outcome="success") == 2
    assert value(metrics, "frg_callback_attempts_total", outcome="status_5xx") == 1
    assert value(metrics, "frg_callback_attempt_seconds_count") == 3


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [
        (301, "redirect", "status_3xx"),
        (404, None, "status_4xx"),
        (None, "timeout", "timeout"),
        (None, "connect_failed", "connection"),
        (None, "tls_failure", "tls"),
        (None, "dns_failure", "dns"),
        (None, "bad_http", "http"),
        (None, "blocked_address", "blocked"),
        (None, "expired", "expired"),
        (None, "one that is new", "http"),
    ],
)
def test_an_attempt_has_one_outcome_of_a_fixed_set(status: int | None, error: str | None, outcome: str) -> None:
    assert outcome_of(attempt(status=status, error=error)) == outcome
    Metrics("1").observers().attempted(attempt(status=status, error=error))


@pytest.mark.parametrize("problem", ["rate-limited", "key-missing", "callback-url-forbidden", "one that is new"])
def test_a_refusal_has_one_reason_of_a_fixed_set(problem: str) -> None:
    metrics = Metrics("1")
    before = len(generate_latest(metrics.registry).splitlines())
    metrics.observers().refused(Refused(mode=Mode.ASYNC, problem=problem))

    counted = [value(metrics, "frg_requests_refused_total", mode="async", reason=reason) for reason in REASONS]
    assert sorted(filter(None, counted)) == [1.0]
    assert len(generate_latest(metrics.registry).splitlines()) == before


def figures(waiting: int) -> TableFigures:
    return TableFigures(
        waiting=dict.fromkeys(Priority, waiting),
        oldest_age_s=dict.fromkeys(Priority, 1.5),
        callbacks_owed=2,
        receivers_paused=1,
    )


def snapshot(table: TableFigures | None) -> Snapshot:
    return Snapshot(
        leading=table is not None,
        busy=False,
        websockets=3,
        connections_idle=1,
        connections_used=2,
        database_up=True,
        storage_up=False,
        tasks=[TaskState("janitor", "running", NOON, 4, None)],
        table=table,
    )


def test_only_the_leader_tells_what_stands_in_the_table() -> None:
    metrics, collector = Metrics("1"), SnapshotCollector()
    metrics.registry.register(collector)
    collector.snapshot = snapshot(figures(7))

    assert value(metrics, "frg_queue_waiting", priority="high") == 7
    assert value(metrics, "frg_callbacks_owed") == 2
    assert value(metrics, "frg_task_restarts_total", task="janitor") == 4
    assert value(metrics, "frg_workers", state="idle") == 1

    collector.snapshot = snapshot(None)
    assert value(metrics, "frg_queue_waiting", priority="high") is None
    assert value(metrics, "frg_callbacks_owed") is None
    assert (value(metrics, "frg_leader"), value(metrics, "frg_websockets")) == (0, 3)


async def test_the_table_is_looked_at_again_when_what_is_known_is_old() -> None:
    looks, now_s = 0, 100.0

    async def look_up() -> TableFigures:
        nonlocal looks
        looks += 1
        return figures(looks)

    cached = Cached(look_up, lambda: now_s)
    assert [(await cached.get()).waiting[Priority.HIGH] for _ in range(3)] == [1, 1, 1]
    now_s += CACHED_S
    assert (await cached.get()).waiting[Priority.HIGH] == 2
