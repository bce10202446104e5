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
    """Exponential backoff: 0.2 s, doubling with every wait, up to 5 s.

    Args:
        sleep: waits for a number of seconds.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._wait_s = FIRST_WAIT_S

    def reset(self) -> None:
        """Start over with the shortest wait, after a success."""
        self._wait_s = FIRST_WAIT_S

    async def wait(self) -> None:
        """Wait, and double the next wait."""
        await self._sleep(self._wait_s)
        self._wait_s = min(self._wait_s * 2, WAIT_MAX_S)


async def until_available(
    change: Callable[[], Awaitable[T]],
    backoff: Backoff,
    *,
    on_away: Callable[[E], object],
    away: type[E],
) -> T:
    """Retry an idempotent change until the resource it needs responds.

    Args:
        change: the operation.
        backoff: waits between two attempts; an exception it raises ends them.
        on_away: called with each failure that is retried.
        away: the exception type that is retried.

    Raises:
        LeadershipLost: even if `away` covers it: the change is now another process's to make.
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
