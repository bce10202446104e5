"""Waiting longer after each failure in a row."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from src.errors import DatabaseAway

FIRST_WAIT_S = 0.2
WAIT_MAX_S = 5.0

log = logging.getLogger(__name__)


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


async def keep_running(
    work: Callable[[], Awaitable[None]], name: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Run work that never ends, and begin it again whatever it fails with; until cancelled."""
    backoff = Backoff(sleep)
    while True:
        started_s = time.monotonic()
        try:
            await work()
        except DatabaseAway:
            log.warning("The %s waits for the database.", name)
        except Exception:
            log.exception("The %s failed; it begins again.", name)
        if time.monotonic() - started_s > WAIT_MAX_S:
            backoff.reset()
        await backoff.wait()
