"""Virtual time: a clock that a test advances, and a sleep that follows it."""

import asyncio
import heapq
import itertools


class VirtualTime:
    """Inject `now_s` and `sleep` into the code under test, then advance time."""

    def __init__(self) -> None:
        self._now_s = 1_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        """Sleep in virtual time."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + seconds, next(self._numbers), woken))
        await woken

    async def wait(self, event: asyncio.Event, seconds: float) -> bool:
        """Wait until an event is set or the timeout passes; returns whether it is set."""
        happened, slept = asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait([happened, slept], return_when=asyncio.FIRST_COMPLETED)
        finally:
            happened.cancel()
            slept.cancel()
        return event.is_set()

    async def settle(self) -> None:
        """Run everything that is ready."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def pass_by(self, seconds: float) -> None:
        """Advance time, and run everything that becomes due."""
        end_s = self._now_s + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            self._now_s, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self.settle()
        self._now_s = end_s
