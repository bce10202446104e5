"""The head of a lane: the table is the queue, and the first callbacks of it are in memory."""

from collections import deque
from collections.abc import Awaitable, Callable

from src.services.requests.records import OwedCallback

#: Callbacks of one lane kept in memory; the others stay in the table until these are through.
LANE_CALLBACKS_MAX = 100
#: Read at first; each time twice as many. Most lanes owe few, and two thousand may be opened together.
FIRST_READ = 10


class LaneQueue:
    """The callbacks owed in one lane, in `queue_position` order.

    Args:
        load: reads the first callbacks owed, so many at most.
    """

    def __init__(self, load: Callable[[int], Awaitable[list[OwedCallback]]]) -> None:
        self._load = load
        self._callbacks: deque[OwedCallback] = deque()
        #: The table holds callbacks of this lane that are not in memory.
        self._behind = False
        self._fell_behind_again = False
        self._last_position = 0
        self._read_next = FIRST_READ

    def __len__(self) -> int:
        """Count the callbacks in memory."""
        return len(self._callbacks)

    def offer(self, callback: OwedCallback) -> None:
        """Append a callback whose result was committed just now."""
        if self._behind or len(self._callbacks) >= LANE_CALLBACKS_MAX:
            self.fall_behind()
        elif callback.queue_position > self._last_position:
            self._append(callback)

    def fall_behind(self) -> None:
        """Say that the table may hold callbacks which are not in memory."""
        self._behind = self._fell_behind_again = True

    def read_anew(self) -> None:
        """Forget what is in memory and read the table from its head; nothing may be under way."""
        self._callbacks.clear()
        self.fall_behind()

    def clear(self) -> None:
        """Forget everything; it stays in the table."""
        self._callbacks.clear()
        self._behind = False

    async def next(self) -> OwedCallback | None:
        """Take the next callback, if there is one."""
        if not self._callbacks and self._behind:
            await self._refill()
        return self._callbacks.popleft() if self._callbacks else None

    async def _refill(self) -> None:
        """Read the head of the lane again. Nothing is in memory or under way, so nothing can come twice."""
        while self._behind and not self._callbacks:
            self._fell_behind_again = False
            wanted, self._read_next = self._read_next, min(2 * self._read_next, LANE_CALLBACKS_MAX)
            callbacks = await self._load(wanted)
            for callback in callbacks:
                self._append(callback)
            # What was offered while the table was read may or may not be among them: read again.
            self._behind = self._fell_behind_again or len(callbacks) == wanted

    def _append(self, callback: OwedCallback) -> None:
        self._callbacks.append(callback)
        self._last_position = max(self._last_position, callback.queue_position)
