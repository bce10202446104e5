"""Waiting longer after each failure in a row."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from src.errors import LeadershipLost

FIRST_WAIT_S = 0.2
WAIT_MAX_S = 5.0

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class Backoff:
    """Waits 0.2 s, then twice as long each time, up to 5 s.

    Args:
        sleep: waits for a number of seconds.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._wait_s = FIRST_WAIT_S

    def reset(self) -> None:
        """Begin again with the shortest wait: something worked."""
        self._wait_s = FIRST_WAIT_S

    async def wait(self) -> None:
        """Wait, and wait longer next time."""
        await self._sleep(self._wait_s)
        self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)


async def until_available(
    change: Callable[[], Awaitable[T]],
    backoff: Backoff,
    *,
    on_away: Callable[[E], object],
    away: type[E],
) -> T:
    """Make a change that is safe to repeat, as often as it takes until what it needs is there.

    Args:
        change: what is tried.
        backoff: waits between two tries; what it raises ends them.
        on_away: told of each failure.
        away: which failures are waited for.

    Raises:
        LeadershipLost: whatever is waited for, it is another process's to make.
        Exception: any other failure.
    """
    while True:
        try:
            return await change()
        except LeadershipLost:
            raise
        except away as error:
            on_away(error)
        await backoff.wait()
