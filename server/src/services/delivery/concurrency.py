"""How many attempts may be under way at once: in all, to one address, and of one caller; and, with the pace, when.

Receivers that hang hold a slot for the whole of their deadline. So those that did not answer promptly the last
time, or were never asked, get only a part of the slots: whoever answers always finds one. And no caller gets all,
and the more callers want slots the fewer each of them gets: some stay free for whoever holds none. So whoever has a
thousand receivers that hang delays himself, and so do a few such callers together. It takes as many callers as there
are slots, each with a receiver that hangs, to keep another one waiting.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from src.services.delivery.pace import DeliveryPace
from src.services.kit.bulkhead import Bulkhead, ReservedBulkhead, equal_shares

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


class _Slots(ReservedBulkhead):
    """Slots that are forgotten when nobody holds or waits for one."""

    __slots__ = ("users",)

    def __init__(self, everybody: Bulkhead, unproven: Bulkhead) -> None:
        super().__init__(everybody, unproven)
        self.users = 0


def fair_slots(slots_max: int, of_one_max: int) -> Bulkhead:
    """Create slots shared between callers: the more callers compete, the fewer each may hold."""
    return Bulkhead(slots_max, equal_shares(slots_max, of_one_max))


def _in_all() -> ReservedBulkhead:
    return ReservedBulkhead(
        fair_slots(IN_FLIGHT_MAX, OF_ONE_CALLER_MAX),
        fair_slots(UNPROVEN_MAX, UNPROVEN_OF_ONE_CALLER_MAX),
    )


def _to_one_address() -> _Slots:
    return _Slots(
        fair_slots(TO_ONE_ADDRESS_MAX, TO_ONE_ADDRESS_OF_ONE_CALLER_MAX),
        fair_slots(UNPROVEN_TO_ONE_ADDRESS_MAX, UNPROVEN_TO_ONE_ADDRESS_OF_ONE_CALLER_MAX),
    )


@dataclass(slots=True)
class DeliverySlots:
    """Hands out slots. Belongs to one event loop.

    Args:
        pace: how many attempts may begin in a time.
    """

    pace: DeliveryPace = field(default_factory=lambda: DeliveryPace(None))
    _in_all: ReservedBulkhead = field(default_factory=_in_all)
    _addresses: dict[str, _Slots] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot; not those that wait for an address."""
        return self._in_all.waiting

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
