"""Waiting for a condition instead of a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], bool | Awaitable[bool]], within_s: float = 20) -> None:
    """Wait until a condition holds.

    Raises:
        AssertionError: it does not, within the time.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        holds = condition()
        if holds is True or (not isinstance(holds, bool) and await holds):
            return
        assert time.monotonic() < deadline_s, f"did not come true within {within_s} s"
        await asyncio.sleep(0.01)
