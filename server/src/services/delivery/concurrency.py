"""Concurrency limits of attempts: in total, per address and per caller, combined with the rate limits.

A hanging receiver occupies a slot until its timeout. So receivers whose last response was not prompt, or that have
never been called, may only use a part of the slots: a responsive receiver always finds a free one. No caller may use
all slots either, and the more callers compete the fewer each may hold, so some stay free for callers that hold none.
A caller with a thousand hanging receivers therefore only delays its own callbacks, and so do a few such callers
together: to delay another caller takes as many of them as there are slots.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from src.services.delivery.pace import DeliveryPace
from src.services.kit.bulkhead import Bulkhead, ReservedBulkhead, equal_shares

IN_FLIGHT_MAX = 64
#: Of these, attempts of one caller.
OF_ONE_CALLER_MAX = 48
#: Of these, attempts to unproven receivers, in total and per caller.
UNPROVEN_MAX = 48
UNPROVEN_OF_ONE_CALLER_MAX = 24
TO_ONE_ADDRESS_MAX = 10
TO_ONE_ADDRESS_OF_ONE_CALLER_MAX = 8
UNPROVEN_TO_ONE_ADDRESS_MAX = 8
UNPROVEN_TO_ONE_ADDRESS_OF_ONE_CALLER_MAX = 6


class _Slots(ReservedBulkhead):
    """Slots that are dropped when none is held or waited for."""

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
    """The slots of all attempts. Belongs to one event loop.

    Args:
        pace: limits the rate of attempts.
    """

    pace: DeliveryPace = field(default_factory=lambda: DeliveryPace(None))
    _in_all: ReservedBulkhead = field(default_factory=_in_all)
    _addresses: dict[str, _Slots] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Number of attempts waiting for a slot, without those waiting for their address."""
        return self._in_all.waiting

    @asynccontextmanager
    async def slot(self, caller: str, receiver: str, address: str, *, proven: bool) -> AsyncIterator[None]:
        """Acquire a slot for the duration of the context, which counts as one attempt.

        Args:
            caller: the callback's caller.
            receiver: scheme, host and port.
            address: the address of the attempt.
            proven: whether the receiver's last response was prompt.
        """
        here = self._addresses.get(address)
        if here is None:
            here = self._addresses[address] = _to_one_address()
        here.users += 1
        try:
            # The address first: an attempt waiting for a crowded address must not hold a slot that others could use.
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
            # Nor must one that waits for the rate limit, which is shared by all attempts to this address.
            await self.pace.until_free(receiver, address)
            await self._in_all.acquire(caller, proven=proven)
            if self.pace.take(receiver, address):
                return
            self._in_all.release(caller, proven=proven)
