"""The record of every attempt: written as often as it takes, many in one transaction."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from src import failpoints
from src.errors import DatabaseAway, LeadershipLost
from src.services.kit.backoff import Backoff, until_available
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.requests.observers import Observers
from src.services.requests.records import Attempt

ATTEMPTS_IN_ONE_TRANSACTION_MAX = 256
#: Statements of lanes under way at once: fewer than the worker has connections, so that its reports never wait.
STATEMENTS_MAX = 2

Write = Callable[[Sequence[Attempt]], Awaitable[object]]
T = TypeVar("T")

log = logging.getLogger(__name__)


class AttemptRecords:
    """Gathers records of all lanes. Belongs to one event loop.

    Args:
        write: stores attempts in one transaction; storing one again changes nothing.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._commits = GroupCommit(self._write_batch, items_max=ATTEMPTS_IN_ONE_TRANSACTION_MAX)

    async def write(self, attempt: Attempt) -> None:
        """Store one attempt.

        Raises:
            Exception: whatever came of it; trying again is safe.
        """
        error = await self._commits.submit(attempt)
        if error is not None:
            raise error

    async def _write_batch(self, attempts: Sequence[Attempt]) -> list[Exception | None]:
        try:
            await self._write(attempts)
        except (DatabaseAway, LeadershipLost):
            raise
        except Exception as error:  # noqa: BLE001  it belongs to those who wait for it, whatever it is
            if len(attempts) == 1:
                return [error]
            # One that cannot be stored must not keep those of other lanes from being stored.
            return [outcome for attempt in attempts for outcome in await self._write_batch([attempt])]
        return [None] * len(attempts)


class Persistence:
    """One lane's way to the database: in turns between callers, as often as it takes, and never silent about trouble.

    Without the turns two thousand lanes that are opened together would ask at once, and most would be told that the
    database does not answer.

    Args:
        caller: whose lane.
        turns: how many lanes may have a statement under way.
        sleep: waits for a number of seconds.
    """

    def __init__(self, caller: str, turns: Bulkhead, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._caller = caller
        self._turns = turns
        self._sleep = sleep
        #: In words, without what the error says; null when nothing does.
        self.trouble: str | None = None

    async def ask(self, statement: Callable[[], Awaitable[T]]) -> T:
        """Run a statement once, when it is the caller's turn.

        Raises:
            Exception: whatever came of it.
        """
        await self._turns.acquire(self._caller)
        try:
            return await statement()
        finally:
            self._turns.release(self._caller)

    async def make(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change that is safe to repeat, when it is the caller's turn.

        Raises:
            LeadershipLost: it is another process's to make.
        """
        return await self.insist(partial(self.ask, change))

    async def insist(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change that is safe to repeat, and that takes turns by itself.

        Raises:
            LeadershipLost: it is another process's to make.
        """
        outcome = await until_available(change, Backoff(self._sleep), on_away=self.tell, away=Exception)
        self.trouble = None
        return outcome

    def tell(self, error: Exception) -> None:
        """Say that something failed on our side; in the log once, until something works."""
        if isinstance(error, DatabaseAway):
            self.trouble = error.detail
        else:
            if self.trouble is None:
                log.error("A lane is in trouble; it tries again.", exc_info=error)
            self.trouble = f"A fault in the service: {type(error).__name__}."


class LastRecord:
    """The record of a lane's last attempt, written beside the lane; kept in memory until it is.

    Args:
        records: where records of all lanes go.
        persistence: the lane's.
        observers: told of each attempt.
    """

    def __init__(self, records: AttemptRecords, persistence: Persistence, observers: Observers) -> None:
        self._observers = observers
        self._records = records
        self._persistence = persistence
        self._writing: asyncio.Task[None] | None = None

    @property
    def written(self) -> bool:
        """Whether nothing is left to write."""
        return self._writing is None or self._writing.done()

    async def write(self, attempt: Attempt) -> None:
        """Begin to write the record of an attempt; only of a success the end is not waited for.

        A lane would otherwise wait as long for the database as for its receiver. A crash in between sends that
        callback and the next again, in order.
        """
        self._observers.attempted(attempt)
        await self.settle()
        self._writing = asyncio.create_task(self._write(attempt))
        self._writing.add_done_callback(_seen)
        if not attempt.success:
            await self.settle()

    async def settle(self) -> None:
        """Wait until everything that was sent is recorded.

        Raises:
            LeadershipLost: another process sends what is owed.
        """
        if writing := self._writing:
            try:
                await asyncio.shield(writing)
            finally:
                if writing.done() and self._writing is writing:
                    self._writing = None

    async def give_up(self, deadline_s: float) -> None:
        """Wait for the record no longer than the deadline; what is not recorded then stays owed."""
        if writing := self._writing:
            await asyncio.wait([writing], timeout=deadline_s)
            writing.cancel()

    async def _write(self, attempt: Attempt) -> None:
        await self._persistence.insist(lambda: self._records.write(attempt))
        failpoints.reached("after_record_commit")


def _seen(writing: asyncio.Task[None]) -> None:
    """Retrieve the exception of a finished record, so that asyncio does not report it as unhandled."""
    if not writing.cancelled():
        writing.exception()
