"""How many attempts may be under way at once: in all, to one address, and of one caller; and, with the pace, when.

Receivers that hang hold a slot for the whole of their deadline. So those that did not answer promptly the last
time, or were never asked, get only a part of the slots: whoever answers always finds one. And no caller gets all,
and the more callers want slots the fewer each of them gets: some stay free for whoever holds none. So whoever has a
thousand receivers that hang delays himself, and so do a few such callers together. It takes as many callers as there
are slots, each with a receiver that hangs, to keep another one waiting.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from src.services.delivery.pace import DeliveryPace

IN_FLIGHT_MAX = 64
#: Of them, attempts of one caller.
OF_ONE_CALLER_MAX = 48
#: Of them, attempts to receivers that have not proved prompt; and those of one caller.
UNPROVEN_MAX = 48
UNPROVEN_OF_ONE_CALLER_MAX = 24
TO_ONE_ADDRESS_MAX = 10
TO_ONE_ADDRESS_OF_ONE_CALLER_MAX = 8
UNPROVEN_TO_ONE_ADDRESS_MAX = 8
UNPROVEN_TO_ONE_ADDRESS_OF_ONE_CALLER_MAX = 6


class FairSlots:
    """A number of slots, of which one caller gets a part; whoever holds fewest is next. Belongs to one event loop.

    A caller holds slots in proportion to those that are free (dynamic thresholds, Choudhury and Hahne): one alone gets
    `of_one_max` and leaves the rest, several leave less and less, and the last goes only to a caller who holds none.

    Args:
        slots_max: slots in all.
        of_one_max: slots of one caller who is alone; with `slots_max` nothing is kept free for others.
    """

    __slots__ = ("_free", "_held", "_of_one_max", "_spare", "_waiting")

    def __init__(self, slots_max: int, of_one_max: int) -> None:
        self._free = slots_max
        self._of_one_max = of_one_max
        self._spare = slots_max - of_one_max
        #: Callers who hold or wait, and nobody else.
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    async def acquire(self, caller: str) -> None:
        """Wait for a slot; it is to be released."""
        if caller not in self._waiting and self._may_take(caller):
            self._take(caller)
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(granted)
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
            if mine:
                self._waiting[following] = mine  # at the end: those who hold as few come before it
            if not granted.done():
                self._take(following)
                granted.set_result(None)

    def _may_take(self, caller: str) -> bool:
        return self._free > 0 and self._held.get(caller, 0) * self._spare <= self._of_one_max * (self._free - 1)

    def _take(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] = self._held.get(caller, 0) + 1

    def _next(self) -> str | None:
        """Choose, of the callers who wait, the one who holds fewest, who waits longest first; None: nobody may."""
        held = self._held
        fewest = min(self._waiting, key=lambda caller: held.get(caller, 0), default=None)
        return fewest if fewest is not None and self._may_take(fewest) else None

    def _leave(self, caller: str, granted: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(caller)
        if waiting is not None and granted in waiting:
            waiting.remove(granted)
            if not waiting:
                del self._waiting[caller]


class _Slots:
    """A number of slots, and the part of them that is open to everybody."""

    __slots__ = ("all", "unproven", "users")

    def __init__(self, all_slots: FairSlots, unproven: FairSlots) -> None:
        self.all = all_slots
        self.unproven = unproven
        self.users = 0

    async def acquire(self, caller: str, *, proven: bool) -> None:
        if not proven:
            await self.unproven.acquire(caller)
        try:
            await self.all.acquire(caller)
        except asyncio.CancelledError:
            if not proven:
                self.unproven.release(caller)
            raise

    def release(self, caller: str, *, proven: bool) -> None:
        self.all.release(caller)
        if not proven:
            self.unproven.release(caller)


def _in_all() -> _Slots:
    return _Slots(
        FairSlots(IN_FLIGHT_MAX, OF_ONE_CALLER_MAX),
        FairSlots(UNPROVEN_MAX, UNPROVEN_OF_ONE_CALLER_MAX),
    )


def _to_one_address() -> _Slots:
    return _Slots(
        FairSlots(TO_ONE_ADDRESS_MAX, TO_ONE_ADDRESS_OF_ONE_CALLER_MAX),
        FairSlots(UNPROVEN_TO_ONE_ADDRESS_MAX, UNPROVEN_TO_ONE_ADDRESS_OF_ONE_CALLER_MAX),
    )


@dataclass(slots=True)
class DeliverySlots:
    """Hands out slots. Belongs to one event loop.

    Args:
        pace: how many attempts may begin in a time.
    """

    pace: DeliveryPace = field(default_factory=lambda: DeliveryPace(None))
    _in_all: _Slots = field(default_factory=_in_all)
    _addresses: dict[str, _Slots] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot; not those that wait for an address."""
        return self._in_all.all.waiting + self._in_all.unproven.waiting

    @asynccontextmanager
    async def slot(self, caller: str, receiver: str, address: str, *, proven: bool) -> AsyncIterator[None]:
        """Wait for a slot and hold it; the attempt begins now.

        Args:
            caller: whose callback it is.
            receiver: scheme, host and port.
            address: where the attempt goes.
            proven: whether the receiver answered promptly the last time.
        """
        here = self._addresses.get(address)
        if here is None:
            here = self._addresses[address] = _to_one_address()
        here.users += 1
        try:
            # The address first: whoever waits for a crowded address must not hold a slot that others could use.
            await here.acquire(caller, proven=proven)
            try:
                await self._begin(caller, receiver, address, proven=proven)
                try:
                    yield
                finally:
                    self._in_all.release(caller, proven=proven)
            finally:
                here.release(caller, proven=proven)
        finally:
            here.users -= 1
            if not here.users:
                del self._addresses[address]

    async def _begin(self, caller: str, receiver: str, address: str, *, proven: bool) -> None:
        while True:
            # Nor does whoever waits for the pace, which is the same for all who go to this address, hold one.
            await self.pace.until_free(receiver, address)
            await self._in_all.acquire(caller, proven=proven)
            if self.pace.take(receiver, address):
                return
            self._in_all.release(caller, proven=proven)
