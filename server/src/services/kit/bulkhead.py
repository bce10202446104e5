"""Bulkheads: concurrency limits of which no caller can take everything."""

import asyncio
from collections import deque
from collections.abc import Callable

#: Whether a caller holding `held` slots may acquire another one while `free` are free: share(held, free).
Share = Callable[[int, int], bool]


def equal_shares(slots_max: int, of_one_max: int) -> Share:
    """Limit each caller in proportion to the free slots (dynamic thresholds, Choudhury and Hahne).

    A single caller gets up to `of_one_max` and leaves the rest free, several callers leave less and less, and the last
    slot is only given to a caller that holds none.

    Args:
        slots_max: total number of slots.
        of_one_max: maximum for a single active caller; if it equals `slots_max`, nothing is kept free for others.
    """
    spare = slots_max - of_one_max
    return lambda held, free: free > 0 and held * spare <= of_one_max * (free - 1)


def capped_shares(of_one_max: int) -> Share:
    """Limit each caller to `of_one_max` slots."""
    return lambda held, free: free > 0 and held < of_one_max


class Bulkhead:
    """Slots shared between callers; the waiting caller with the fewest is next. Belongs to one event loop.

    Args:
        slots_max: total number of slots.
        share: limits each caller; must be monotonic: less restrictive for a caller with fewer slots. No limit by
            default.
    """

    __slots__ = ("__weakref__", "_free", "_held", "_may_take", "_waiting", "waiting")

    def __init__(self, slots_max: int, share: Share | None = None) -> None:
        self._free = slots_max
        self._may_take = share or capped_shares(slots_max)
        #: Only callers that hold a slot.
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        #: Number of waiters.
        self.waiting = 0

    def waiting_of(self, caller: str) -> int:
        """Return the number of waiters of one caller."""
        return len(self._waiting.get(caller, ()))

    def try_acquire(self, caller: str) -> bool:
        """Acquire a slot without waiting; returns whether it did."""
        if caller in self._waiting or not self._may_take(self._held.get(caller, 0), self._free):
            return False
        self._take(caller)
        return True

    async def acquire(self, caller: str) -> None:
        """Acquire a slot, waiting for one if needed."""
        if self.try_acquire(caller):
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(granted)
        self.waiting += 1
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self.release(caller)
            else:
                self._leave(caller, granted)
            raise

    def release(self, caller: str) -> None:
        """Release a slot, and grant it to the next waiter."""
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        while (following := self._next()) is not None:
            mine = self._waiting.pop(following)
            granted = mine.popleft()
            self.waiting -= 1
            if mine:
                self._waiting[following] = mine  # at the end: behind waiters that hold as few slots
            if not granted.done():
                self._take(following)
                granted.set_result(None)

    def _take(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] = self._held.get(caller, 0) + 1

    def _next(self) -> str | None:
        """Return the waiting caller with the fewest slots, ties broken by waiting time; None if no one is eligible."""
        held = self._held
        fewest = min(self._waiting, key=lambda caller: held.get(caller, 0), default=None)
        return fewest if fewest is not None and self._may_take(held.get(fewest, 0), self._free) else None

    def _leave(self, caller: str, granted: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(caller)
        if waiting is not None and granted in waiting:
            waiting.remove(granted)
            self.waiting -= 1
            if not waiting:
                del self._waiting[caller]


class ReservedBulkhead:
    """Slots partly reserved for peers known to be prompt: however many others hang, a responsive peer gets one.

    Args:
        everybody: all slots.
        unproven: the part of them available to peers not known to be prompt.
    """

    __slots__ = ("everybody", "unproven")

    def __init__(self, everybody: Bulkhead, unproven: Bulkhead) -> None:
        self.everybody = everybody
        self.unproven = unproven

    @property
    def waiting(self) -> int:
        """Number of waiters."""
        return self.everybody.waiting + self.unproven.waiting

    async def acquire(self, caller: str, *, proven: bool) -> None:
        """Acquire a slot, waiting for one if needed; it must be released with the same `proven`."""
        if not proven:
            await self.unproven.acquire(caller)
        try:
            await self.everybody.acquire(caller)
        except asyncio.CancelledError:
            if not proven:
                self.unproven.release(caller)
            raise

    def release(self, caller: str, *, proven: bool) -> None:
        self.everybody.release(caller)
        if not proven:
            self.unproven.release(caller)
