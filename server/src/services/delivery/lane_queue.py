"""The queue of a lane: the table holds it, and its head is cached in memory."""

from collections import deque
from collections.abc import Awaitable, Callable

from src.services.requests.records import OwedCallback

#: Maximum number of callbacks of one lane in memory; the others stay in the table until these are delivered.
LANE_CALLBACKS_MAX = 100
#: Size of the first read, doubled each time. Most lanes have few callbacks, and two thousand may be opened together.
FIRST_READ = 10


class LaneQueue:
    """The undelivered callbacks of one lane, in `queue_position` order.

    Args:
        load: reads the first undelivered callbacks, up to a given number.
    """

    def __init__(self, load: Callable[[int], Awaitable[list[OwedCallback]]]) -> None:
        self._load = load
        self._callbacks: deque[OwedCallback] = deque()
        #: Whether the table may hold callbacks of this lane that are not in memory.
        self._behind = False
        self._marked_again = False
        self._last_position = 0
        self._read_next = FIRST_READ

    def __len__(self) -> int:
        """Return the number of callbacks in memory."""
        return len(self._callbacks)

    def offer(self, callback: OwedCallback) -> None:
        """Append a callback whose result has just been committed."""
        if self._behind or len(self._callbacks) >= LANE_CALLBACKS_MAX:
            self.mark_behind()
        elif callback.queue_position > self._last_position:
            self._append(callback)

    def mark_behind(self) -> None:
        """Record that the table may hold callbacks that are not in memory."""
        self._behind = self._marked_again = True

    def reset(self) -> None:
        """Drop the callbacks in memory and read the table from its head; none may be in delivery."""
        self._callbacks.clear()
        self.mark_behind()

    def clear(self) -> None:
        """Drop everything; the callbacks remain in the table."""
        self._callbacks.clear()
        self._behind = False

    async def next(self) -> OwedCallback | None:
        """Take the next callback, if there is one."""
        if not self._callbacks and self._behind:
            await self._refill()
        return self._callbacks.popleft() if self._callbacks else None

    async def _refill(self) -> None:
        """Read the head of the lane. None is in memory or in delivery, so there can be no duplicates."""
        while self._behind and not self._callbacks:
            self._marked_again = False
            wanted, self._read_next = self._read_next, min(2 * self._read_next, LANE_CALLBACKS_MAX)
            callbacks = await self._load(wanted)
            for callback in callbacks:
                self._append(callback)
            # Callbacks offered during the query may or may not be among them: read again.
            self._behind = self._marked_again or len(callbacks) == wanted

    def _append(self, callback: OwedCallback) -> None:
        self._callbacks.append(callback)
        self._last_position = max(self._last_position, callback.queue_position)
