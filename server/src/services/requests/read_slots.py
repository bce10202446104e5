"""Per-caller concurrency limits for database reads, so that no caller can monopolize the connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from src.errors import Unavailable
from src.services.kit.bulkhead import Bulkhead, capped_shares

#: Concurrent reads of all callers; the engine's other connections are reserved for the service itself.
READS_MAX = 7
READS_OF_ONE_CALLER_MAX = 5
#: Waiting reads. The limit per caller equals that of connections per address: a waiting call occupies a connection.
WAITERS_MAX = 2_000
WAITERS_OF_ONE_CALLER_MAX = 256
WAIT_MAX_S = 2.0
RETRY_AFTER_S = 1

#: The caller of the HTTP call that this context belongs to; empty: the service itself, which needs no slot.
reading_caller: ContextVar[str] = ContextVar("reading_caller", default="")


class ReadSlots:
    """Limits concurrent reads per caller; the waiting caller with the fewest current reads is next.

    Belongs to one event loop.

    Args:
        slots_max: concurrent reads.
        per_caller_max: concurrent reads per caller.
        waiters_max: waiting reads.
        waiters_per_caller_max: waiting reads per caller.
        wait_max_s: timeout of waiting, seconds.
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
        """Hold a slot for the duration of the context.

        Args:
            caller: the caller's name; by default that of the current HTTP call.

        Raises:
            Unavailable: too many reads are waiting, or the timeout has passed.
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
    return Unavailable("Too many concurrent reads; try again.", RETRY_AFTER_S)
