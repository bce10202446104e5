"""How much waited lately: bounded, and with gaps where nobody could count."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from src.errors import DatabaseAway
from src.services.requests.recent_depths import COUNTED_EVERY_S, SAMPLES_MAX, RecentDepths

START = datetime(2026, 1, 31, tzinfo=UTC)


async def depths_after(rounds: int, away: set[int]) -> RecentDepths:
    """Count so many times, five seconds apart; the number of the round is what waits."""
    slept: list[float] = []

    async def count() -> tuple[int, int]:
        if len(slept) in away:
            raise DatabaseAway("away")
        return len(slept), 2 * len(slept)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == rounds:
            raise asyncio.CancelledError

    depths = RecentDepths(count, lambda: START + timedelta(seconds=sum(slept)), sleep)
    with pytest.raises(asyncio.CancelledError):
        await depths.run()
    return depths


async def test_the_last_fifteen_minutes_are_kept_and_no_more() -> None:
    samples = (await depths_after(SAMPLES_MAX + 20, set())).samples

    assert [sample.waiting for sample in samples] == list(range(20, SAMPLES_MAX + 20))
    assert [sample.callbacks_owed for sample in samples] == list(range(40, 2 * SAMPLES_MAX + 40, 2))
    assert samples[-1].at - samples[0].at == timedelta(seconds=COUNTED_EVERY_S * (SAMPLES_MAX - 1))
    assert COUNTED_EVERY_S * SAMPLES_MAX == 15 * 60


async def test_a_database_that_is_away_leaves_a_gap() -> None:
    samples = (await depths_after(5, {1, 2})).samples

    assert [sample.waiting for sample in samples] == [0, 3, 4]
