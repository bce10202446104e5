"""Limits on what is under way at once, of which nobody gets all: bulkheads, as ships have them."""

import asyncio
from collections import deque
from collections.abc import Callable

#: Whether somebody who holds so many slots may have another one, while so many are free.
Share = Callable[[int, int], bool]


def equal_shares(slots_max: int, of_one_max: int) -> Share:
    """Give everybody slots in proportion to those that are free (dynamic thresholds, Choudhury and Hahne).

    One alone gets `of_one_max` and leaves the rest, several leave less and less, and the last slot goes only to
    somebody who holds none.

    Args:
        slots_max: slots in all.
        of_one_max: slots of one who is alone; with `slots_max` nothing is kept free for others.
    """
    spare = slots_max - of_one_max
    return lambda held, free: free > 0 and held * spare <= of_one_max * (free - 1)


def capped_shares(of_one_max: int) -> Share:
    """Give everybody up to `of_one_max` slots."""
    return lambda held, free: free > 0 and held < of_one_max


class Bulkhead:
    """A number of slots, shared between callers; whoever holds fewest is next. Belongs to one event loop.

    Args:
        slots_max: slots in all.
        share: who may have another one; the fewer somebody holds, the sooner it must say so. Everybody, when missing.
    """

    __slots__ = ("__weakref__", "_free", "_held", "_may_take", "_waiting", "waiting")

    def __init__(self, slots_max: int, share: Share | None = None) -> None:
        self._free = slots_max
        self._may_take = share or capped_shares(slots_max)
        #: Callers who hold or wait, and nobody else.
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        #: How many wait.
        self.waiting = 0

    def waiting_of(self, caller: str) -> int:
        """Count those of one caller who wait."""
        return len(self._waiting.get(caller, ()))

    def try_acquire(self, caller: str) -> bool:
        """Take a slot if there is one now; it is to be released."""
        if caller in self._waiting or not self._may_take(self._held.get(caller, 0), self._free):
            return False
        self._take(caller)
        return True

    async def acquire(self, caller: str) -> None:
        """Wait for a slot; it is to be released."""
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
        """Give a slot back, and on to whoever is next."""
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        while (following := self._next()) is not None:
            mine = self._waiting.pop(following)
            granted = mine.popleft()
            self.waiting -= 1
            if mine:
                self._waiting[following] = mine  # at the end: those who hold as few come before it
            if not granted.done():
                self._take(following)
                granted.set_result(None)

    def _take(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] = self._held.get(caller, 0) + 1

    def _next(self) -> str | None:
        """Choose, of the callers who wait, the one who holds fewest, who waits longest first; None: nobody may."""
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
    """Slots of which a part is kept for whoever has proved prompt: however many hang, who answers finds one.

    Args:
        everybody: all the slots.
        unproven: of them, those that are open to whoever has not proved prompt.
    """

    __slots__ = ("everybody", "unproven")

    def __init__(self, everybody: Bulkhead, unproven: Bulkhead) -> None:
        self.everybody = everybody
        self.unproven = unproven

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self.everybody.waiting + self.unproven.waiting

    async def acquire(self, caller: str, *, proven: bool) -> None:
        """Wait for a slot; it is to be released in the same way."""
        if not proven:
            await self.unproven.acquire(caller)
        try:
            await self.everybody.acquire(caller)
        except asyncio.CancelledError:
            if not proven:
                self.unproven.release(caller)
            raise

    def release(self, caller: str, *, proven: bool) -> None:
        """Give a slot back."""
        self.everybody.release(caller)
        if not proven:
            self.unproven.release(caller)
