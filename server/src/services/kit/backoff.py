"""Waiting longer after each failure in a row."""

import asyncio
from collections.abc import Awaitable, Callable

FIRST_WAIT_S = 0.2
WAIT_MAX_S = 5.0


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
