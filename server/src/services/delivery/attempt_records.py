"""Persistence of attempts: batched into transactions, and retried until the database responds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from src import failpoints
from src.errors import CannotOpen, DatabaseAway, LeadershipLost
from src.services.kit.backoff import Backoff, until_available
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.requests.observers import Observers
from src.services.requests.records import Attempt

ATTEMPTS_IN_ONE_TRANSACTION_MAX = 256
#: Concurrent statements of all lanes: fewer than the worker's connections, so that its reports never wait for one.
STATEMENTS_MAX = 2

Write = Callable[[Sequence[Attempt]], Awaitable[object]]
T = TypeVar("T")

log = logging.getLogger(__name__)


class AttemptRecords:
    """Batches the records of all lanes. Belongs to one event loop.

    Args:
        write: stores attempts in one transaction; idempotent.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._commits = GroupCommit(self._write_batch, items_max=ATTEMPTS_IN_ONE_TRANSACTION_MAX)

    async def write(self, attempt: Attempt) -> None:
        """Store one attempt.

        Raises:
            Exception: the attempt was not stored, or may have been; a retry is safe.
        """
        error = await self._commits.submit(attempt)
        if error is not None:
            raise error

    async def _write_batch(self, attempts: Sequence[Attempt]) -> list[Exception | None]:
        try:
            await self._write(attempts)
        except (DatabaseAway, LeadershipLost):
            raise
        except Exception as error:  # noqa: BLE001  passed on to the submitters
            if len(attempts) == 1:
                return [error]
            # One record that cannot be stored must not block those of other lanes.
            return [outcome for attempt in attempts for outcome in await self._write_batch([attempt])]
        return [None] * len(attempts)


class Persistence:
    """One lane's access to the database: limited and fair between callers, with retries, and with its failures visible.

    Without the limit two thousand lanes opened together would query at once, and most would time out.

    Args:
        caller: the lane's caller.
        statement_slots: limits the concurrent statements of all lanes.
        sleep: waits for a number of seconds.
    """

    def __init__(self, caller: str, statement_slots: Bulkhead, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._caller = caller
        self._statement_slots = statement_slots
        self._sleep = sleep
        #: What blocks progress, as a sentence without the error's message; None if nothing does.
        self.trouble: str | None = None

    async def run_once(self, statement: Callable[[], Awaitable[T]]) -> T:
        """Run a statement once, within the limit.

        Raises:
            Exception: the statement failed.
        """
        await self._statement_slots.acquire(self._caller)
        try:
            return await statement()
        finally:
            self._statement_slots.release(self._caller)

    async def run(self, change: Callable[[], Awaitable[T]]) -> T:
        """Run an idempotent statement within the limit, and retry it until it succeeds.

        Raises:
            LeadershipLost: another process has become the leader.
        """
        return await self.retry(partial(self.run_once, change))

    async def retry(self, change: Callable[[], Awaitable[T]]) -> T:
        """Retry an idempotent operation, which applies the limit itself, until it succeeds.

        Raises:
            LeadershipLost: another process has become the leader.
        """
        outcome = await until_available(change, Backoff(self._sleep), on_away=self.note_failure, away=Exception)
        self.trouble = None
        return outcome

    def note_failure(self, error: Exception) -> None:
        """Record a local failure; logged once, until an operation succeeds."""
        if isinstance(error, DatabaseAway | CannotOpen):
            if isinstance(error, CannotOpen) and self.trouble is None:
                log.error("A lane waits: %s", error.detail)
            self.trouble = error.detail
        else:
            if self.trouble is None:
                log.error("A lane failed and will retry.", exc_info=error)
            self.trouble = f"Internal error: {type(error).__name__}."


class LastRecord:
    """The record of a lane's last attempt, written in the background and kept in memory until it is stored.

    Args:
        records: batches the records of all lanes.
        persistence: retries on behalf of the lane.
        observers: notified of each attempt.
    """

    def __init__(self, records: AttemptRecords, persistence: Persistence, observers: Observers) -> None:
        self._observers = observers
        self._records = records
        self._persistence = persistence
        self._writing: asyncio.Task[None] | None = None

    @property
    def written(self) -> bool:
        """Whether the last record has been stored."""
        return self._writing is None or self._writing.done()

    async def write(self, attempt: Attempt) -> None:
        """Store the record of an attempt; after a success in the background, otherwise it waits until it is stored.

        Otherwise a lane would spend as much time waiting for the database as for its receiver. After a crash, at most
        this callback and the next are sent again, in order.
        """
        self._observers.attempted(attempt)
        await self.settle()
        self._writing = asyncio.create_task(self._write(attempt))
        self._writing.add_done_callback(_seen)
        if not attempt.success:
            await self.settle()

    async def settle(self) -> None:
        """Wait until the last attempt has been recorded.

        Raises:
            LeadershipLost: another process has become the leader.
        """
        if writing := self._writing:
            try:
                await asyncio.shield(writing)
            finally:
                if writing.done() and self._writing is writing:
                    self._writing = None

    async def give_up(self, deadline_s: float) -> None:
        """Wait for the record up to the deadline, then give up: the callback stays undelivered in the table."""
        if writing := self._writing:
            await asyncio.wait([writing], timeout=deadline_s)
            writing.cancel()

    async def _write(self, attempt: Attempt) -> None:
        await self._persistence.retry(lambda: self._records.write(attempt))
        failpoints.reached("after_record_commit")


def _seen(writing: asyncio.Task[None]) -> None:
    """Retrieve the exception of a finished record, so that asyncio does not report it as unhandled."""
    if not writing.cancelled():
        writing.exception()
