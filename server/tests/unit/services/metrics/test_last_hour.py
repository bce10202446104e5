"""The last hour in steps: what happened in each, not what was counted since the start."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.models import Mode, Priority, Status
from src.services.metrics.last_hour import SERIES, STEP_S, STEPS_MAX, LastHour, percentile
from src.services.metrics.metrics import Metrics
from src.services.metrics.snapshot import Snapshot, TableFigures
from src.services.requests.observers import Ended, Refused

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def ended(generating_s: float, status: Status = Status.COMPLETED) -> Ended:
    return Ended(
        request_id=UUID(int=1),
        mode=Mode.ASYNC,
        status=status,
        waiting_s=0.0,
        generating_s=generating_s,
        created_at=NOON,
    )


def snapshot(waiting: int | None) -> Snapshot:
    table = waiting is not None and TableFigures(
        waiting=dict.fromkeys(Priority, waiting),
        oldest_age_s={Priority.HIGH: 1.0, Priority.NORMAL: 7.5, Priority.LOW: 0.0},
        callbacks_owed=4,
        receivers_paused=1,
    )
    return Snapshot(
        leading=True,
        busy=False,
        websockets=3,
        connections_idle=1,
        connections_used=2,
        database_up=table is not False,
        storage_up=True,
        table=table or None,
    )


async def steps_of(metrics: Metrics, number: int, each: Callable[[int], Awaitable[Snapshot]]) -> LastHour:
    """Let so many steps pass, in no time."""
    passed = 0

    async def sleep(seconds: float) -> None:
        nonlocal passed
        assert seconds == STEP_S
        if passed == number:
            raise asyncio.CancelledError
        passed += 1

    hour = LastHour(metrics, lambda: NOON + timedelta(seconds=passed * STEP_S), sleep)

    async def look() -> Snapshot:
        return await each(passed)

    with pytest.raises(asyncio.CancelledError):
        await hour.run(look)
    return hour


async def test_each_step_tells_what_happened_in_it_and_what_is_so_at_its_end() -> None:
    metrics = Metrics("1")
    hears = metrics.observers()
    hears.ended([ended(0.5)])  # before the first step began: not part of it

    async def each(number: int) -> Snapshot:
        if number == 1:
            hears.ended([ended(0.3)] * 3 + [ended(0.3, Status.FAILED)])
            hears.refused(Refused(mode=Mode.SYNC, problem="rate-limited"))
            metrics.http.answered("/api/sync", "POST", 500, "sync", 0.02)
            metrics.came_back("worker", 0.002)
        return snapshot(number * 10 if number < 3 else None)

    first, second, third = (await steps_of(metrics, 3, each)).steps

    assert [step.at for step in (first, second, third)] == [NOON + timedelta(seconds=s) for s in (15, 30, 45)]
    assert set(first.figures) == set(second.figures) == set(third.figures) == set(SERIES)
    assert (first.figures["completed"], first.figures["failed"], first.figures["refused"]) == (3, 1, 1)
    assert (first.figures["http_calls"], first.figures["http_errors"]) == (1, 1)
    assert first.figures["generation_p95_s"] == pytest.approx(0.25 + 0.25 * 0.95)
    assert first.figures["worker_loop_lag_p99_s"] == pytest.approx(0.001 + 0.0015 * 0.99)
    assert (second.figures["completed"], second.figures["generation_p95_s"]) == (0, None)
    assert (first.figures["waiting"], second.figures["waiting"], third.figures["waiting"]) == (30, 60, None)
    assert (first.figures["oldest_age_s"], first.figures["callbacks_owed"]) == (7.5, 4)
    assert (first.figures["database_up"], third.figures["database_up"]) == (1, 0)


async def test_an_hour_is_kept_and_no_more() -> None:
    async def each(_: int) -> Snapshot:
        return snapshot(1)

    steps = (await steps_of(Metrics("1"), STEPS_MAX + 5, each)).steps

    assert len(steps) == STEPS_MAX == 3600 / STEP_S
    assert steps[0].at == NOON + timedelta(seconds=6 * STEP_S)
    assert len(json.dumps([list(step.figures.values()) for step in steps])) < 50_000


@given(st.lists(st.floats(0, 20), min_size=1), st.floats(0.01, 0.99))
def test_a_percentile_is_off_by_less_than_its_bucket(measured: list[float], share: float) -> None:
    bounds = [0.1, 1.0, 10.0, float("inf")]
    up_to = {bound: float(sum(value <= bound for value in measured)) for bound in bounds}
    exact = sorted(measured)[max(0, -int(-share * len(measured) // 1) - 1)]
    estimate = percentile(up_to, share)

    assert estimate is not None
    low = max([0.0, *(bound for bound in bounds if bound < exact)])
    high = next(bound for bound in bounds if bound >= exact)
    assert min(low, 10.0) * (1 - 1e-9) <= estimate <= high * (1 + 1e-9)


def test_where_nothing_was_measured_there_is_no_percentile() -> None:
    assert percentile({}, 0.95) is None
    assert percentile({1.0: 0.0, float("inf"): 0.0}, 0.95) is None
