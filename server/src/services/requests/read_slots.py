"""A share of the database's connections for each caller, so that nobody's reads keep everybody else waiting."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

from src.errors import Unavailable

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
    """Lets callers read: a few at once each, and those that wait in turns, one caller after the other.

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
        self._free = slots_max
        self._per_caller_max = per_caller_max
        self._waiters_max = waiters_max
        self._waiters_per_caller_max = waiters_per_caller_max
        self._wait_max_s = wait_max_s
        self._held: Counter[str] = Counter()
        #: Callers in the order of their turns, each with its reads that wait.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._waiters = 0

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
        if self._free and self._held[caller] < self._per_caller_max and caller not in self._waiting:
            self._take(caller)
        else:
            await self._wait(caller)
        try:
            yield
        finally:
            self._give_back(caller)

    def _take(self, caller: str) -> None:
        self._free -= 1
        self._held[caller] += 1

    def _give_back(self, caller: str) -> None:
        self._free += 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
        self._hand_on()

    async def _wait(self, caller: str) -> None:
        waiting = self._waiting.get(caller, ())
        if self._waiters >= self._waiters_max or len(waiting) >= self._waiters_per_caller_max:
            raise _too_many()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(turn)
        self._waiters += 1
        try:
            async with asyncio.timeout(self._wait_max_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # its turn came at the moment it left
                self._give_back(caller)
            else:
                self._leave(caller, turn)
            if isinstance(error, TimeoutError):
                raise _too_many() from None
            raise

    def _leave(self, caller: str, turn: "asyncio.Future[None]") -> None:
        with suppress(KeyError, ValueError):
            self._waiting[caller].remove(turn)
            self._waiters -= 1
            if not self._waiting[caller]:
                del self._waiting[caller]

    def _hand_on(self) -> None:
        """Give what is free to those that wait: each caller in its turn, who then waits behind the others."""
        for caller in list(self._waiting) if self._free else ():
            if self._free and self._held[caller] < self._per_caller_max:
                self._waiting.move_to_end(caller)
                self._call_next(caller)

    def _call_next(self, caller: str) -> None:
        """Give the first of a caller's reads that still waits its slot."""
        turns = self._waiting[caller]
        while turns:
            turn = turns.popleft()
            self._waiters -= 1
            if not turn.done():
                self._take(caller)
                turn.set_result(None)
                break
        if not turns:
            del self._waiting[caller]


def _too_many() -> Unavailable:
    return Unavailable("Too many read at once; try again.", RETRY_AFTER_S)
