"""One receiver's callbacks: sent one at a time, in order, while other lanes go on."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from src.errors import LeadershipLost
from src.services.records import OwedCallback

#: Callbacks of one lane kept in memory; the others stay in the table until these are through.
LANE_CALLBACKS_MAX = 100


class DeliveryLane:
    """The callbacks owed to one receiver, in `queue_position` order. The table is the queue; this is its head.

    Args:
        receiver: scheme, host and port.
        load: reads the first callbacks owed to the receiver, so many at most.
        deliver: sends one callback to its end: acknowledged, used up, or gone.
    """

    def __init__(
        self,
        receiver: str,
        *,
        load: Callable[[str, int], Awaitable[list[OwedCallback]]],
        deliver: Callable[[OwedCallback], Awaitable[None]],
    ) -> None:
        self.receiver = receiver
        #: The callback under way or waiting for its next attempt.
        self.current: OwedCallback | None = None
        self._load = load
        self._deliver = deliver
        self._callbacks: deque[OwedCallback] = deque()
        #: The table holds callbacks of this lane that are not in memory.
        self._behind = False
        self._fell_behind_again = False
        self._last_position = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._task is not None

    def __len__(self) -> int:
        """Count the callbacks in memory, without the current one."""
        return len(self._callbacks)

    def offer(self, callback: OwedCallback) -> None:
        """Append a callback whose result was committed just now."""
        if self._behind or len(self._callbacks) >= LANE_CALLBACKS_MAX:
            self._fall_behind()
        elif callback.queue_position > self._last_position:
            self._append(callback)
        self._go()

    def look_again(self) -> None:
        """Say that the table may hold callbacks which this lane has not seen."""
        self._fall_behind()
        self._go()

    async def stop(self, deadline_s: float = 0) -> None:
        """Take no further callback; after the deadline stop where it stands. What is not recorded stays owed."""
        self._callbacks.clear()
        self._behind = False
        if task := self._task:
            await asyncio.wait([task], timeout=deadline_s)
            task.cancel()
            await asyncio.wait([task])

    def _go(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"lane {self.receiver}")

    async def _run(self) -> None:
        # No await may stand between the last look and `_task = None`: see GroupCommit.
        try:
            with suppress(LeadershipLost):  # then another process sends what is owed
                while callback := await self._next():
                    self.current = callback
                    await self._deliver(callback)
                    self.current = None
        finally:
            self.current = None
            self._task = None

    async def _next(self) -> OwedCallback | None:
        if not self._callbacks and self._behind:
            await self._refill()
        return self._callbacks.popleft() if self._callbacks else None

    async def _refill(self) -> None:
        """Read the head of the lane again. Nothing is in memory or under way, so nothing can come twice."""
        while self._behind and not self._callbacks:
            self._fell_behind_again = False
            callbacks = await self._load(self.receiver, LANE_CALLBACKS_MAX)
            for callback in callbacks:
                self._append(callback)
            # What was offered while the table was read may or may not be among them: read again.
            self._behind = self._fell_behind_again or len(callbacks) == LANE_CALLBACKS_MAX

    def _fall_behind(self) -> None:
        self._behind = self._fell_behind_again = True

    def _append(self, callback: OwedCallback) -> None:
        self._callbacks.append(callback)
        self._last_position = max(self._last_position, callback.queue_position)
