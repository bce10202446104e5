"""A share of the database's connections for each caller, so that nobody's reads keep everybody else waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from src.errors import Unavailable
from src.services.kit.bulkhead import Bulkhead, capped_shares

#: Reads that callers make at once; the other connections of the engine are the service's own.
READS_MAX = 7
READS_OF_ONE_CALLER_MAX = 5
#: Reads that may wait for their turn. As many as one address may have connections: who waits asks for nothing else.
WAITERS_MAX = 2_000
WAITERS_OF_ONE_CALLER_MAX = 256
WAIT_MAX_S = 2.0
RETRY_AFTER_S = 1

#: Who makes the HTTP call that this context belongs to; empty: the service itself, which takes no slot.
reading_caller: ContextVar[str] = ContextVar("reading_caller", default="")


class ReadSlots:
    """Lets callers read: a few at once each, and of those that wait first whoever reads least.

    Belongs to one event loop.

    Args:
        slots_max: reads at once.
        per_caller_max: reads of one caller at once.
        waiters_max: reads that wait.
        waiters_per_caller_max: reads of one caller that wait.
        wait_max_s: who has waited for so long is refused, seconds.
    """

    def __init__(
        self,
        *,
        slots_max: int = READS_MAX,
        per_caller_max: int = READS_OF_ONE_CALLER_MAX,
        waiters_max: int = WAITERS_MAX,
        waiters_per_caller_max: int = WAITERS_OF_ONE_CALLER_MAX,
        wait_max_s: float = WAIT_MAX_S,
    ) -> None:
        self._slots = Bulkhead(slots_max, capped_shares(per_caller_max))
        self._waiters_max = waiters_max
        self._waiters_per_caller_max = waiters_per_caller_max
        self._wait_max_s = wait_max_s

    @asynccontextmanager
    async def slot(self, caller: str | None = None) -> AsyncIterator[None]:
        """Hold a slot.

        Args:
            caller: whose; the one whom this context belongs to when missing.

        Raises:
            Unavailable: too many wait, or it took too long.
        """
        caller = reading_caller.get() if caller is None else caller
        if not caller:
            yield
            return
        if not self._slots.try_acquire(caller):
            await self._wait(caller)
        try:
            yield
        finally:
            self._slots.release(caller)

    async def _wait(self, caller: str) -> None:
        slots = self._slots
        if slots.waiting >= self._waiters_max or slots.waiting_of(caller) >= self._waiters_per_caller_max:
            raise _too_many()
        try:
            async with asyncio.timeout(self._wait_max_s):
                await slots.acquire(caller)
        except TimeoutError:
            raise _too_many() from None


def _too_many() -> Unavailable:
    return Unavailable("Too many read at once; try again.", RETRY_AFTER_S)
