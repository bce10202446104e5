"""A clock that follows the time that passes."""

from datetime import UTC, datetime, timedelta

from src.services.kit.clock import SteadyClock

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_the_clock_follows_the_time_that_passes_and_not_the_one_that_is_set() -> None:
    wall, monotonic_s = NOON, 5.0
    clock = SteadyClock(lambda: wall, lambda: monotonic_s)
    wall, monotonic_s = NOON - timedelta(hours=1), 8.0

    assert clock() == NOON + timedelta(seconds=3)
