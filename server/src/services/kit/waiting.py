"""Waiting for an event with a timeout."""

import asyncio
from collections.abc import Awaitable, Callable

#: Waits for an event with a timeout in seconds; returns whether it is set.
Wait = Callable[[asyncio.Event, float], Awaitable[bool]]


async def happens_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait until an event is set or the timeout passes; returns whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
    return event.is_set()
