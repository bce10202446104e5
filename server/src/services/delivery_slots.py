"""How many attempts may be under way at once: in all, and to one address; and, with the pace, when they may begin.

Receivers that hang hold a slot for the whole of their deadline. So those that did not answer promptly the last
time, or were never asked, get only a part of the slots: whoever answers always finds one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from src.services.delivery_pace import DeliveryPace

IN_FLIGHT_MAX = 64
#: Of them, attempts to receivers that have not proved prompt.
UNPROVEN_MAX = 48
TO_ONE_ADDRESS_MAX = 10
UNPROVEN_TO_ONE_ADDRESS_MAX = 8


@dataclass(slots=True)
class _Slots:
    """A number of slots, and the part of them that is open to everybody."""

    all: asyncio.Semaphore
    unproven: asyncio.Semaphore
    users: int = 0


def _to_one_address() -> _Slots:
    return _Slots(asyncio.Semaphore(TO_ONE_ADDRESS_MAX), asyncio.Semaphore(UNPROVEN_TO_ONE_ADDRESS_MAX))


@dataclass(slots=True)
class DeliverySlots:
    """Hands out slots, first come, first served. Belongs to one event loop.

    Args:
        pace: how many attempts may begin in a time.
    """

    _pace: DeliveryPace = field(default_factory=lambda: DeliveryPace(None))
    _in_all: _Slots = field(
        default_factory=lambda: _Slots(asyncio.Semaphore(IN_FLIGHT_MAX), asyncio.Semaphore(UNPROVEN_MAX))
    )
    _addresses: dict[str, _Slots] = field(default_factory=dict)

    @asynccontextmanager
    async def slot(self, receiver: str, address: str, *, proven: bool) -> AsyncIterator[None]:
        """Wait for a slot and hold it; the attempt begins now.

        Args:
            receiver: scheme, host and port.
            address: where the attempt goes.
            proven: whether the receiver answered promptly the last time.
        """
        here = self._addresses.setdefault(address, _to_one_address())
        here.users += 1
        try:
            # The address first: whoever waits for a crowded address must not hold a slot that others could use.
            async with _held(here, proven=proven):
                while True:
                    # Nor does whoever waits for the pace, which is the same for all who go to this address.
                    await self._pace.until_free(receiver, address)
                    async with _held(self._in_all, proven=proven):
                        if self._pace.take(receiver, address):
                            yield
                            return
        finally:
            here.users -= 1
            if not here.users:
                del self._addresses[address]


@asynccontextmanager
async def _held(slots: _Slots, *, proven: bool) -> AsyncIterator[None]:
    if proven:
        async with slots.all:
            yield
    else:
        async with slots.unproven, slots.all:
            yield
