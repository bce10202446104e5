"""Consumes the queue: generates one report at a time, in order, records it, and passes its callback on for delivery."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar
from uuid import UUID

from src import failpoints
from src.errors import DatabaseAway, LeadershipLost
from src.services.engine.generation import Generation, Interrupted
from src.services.engine.job_queue import JobQueue
from src.services.kit.backoff import Backoff, until_available
from src.services.kit.waiting import Wait, happens_within
from src.services.report_files.production import SimulatedWork, Unwanted
from src.services.report_files.storage import ReportStorage
from src.services.requests.records import Finished, Job, OwedCallback, OwedReport, Recorded
from src.services.requests.store import GENERATION_ATTEMPTS_MAX, RequestStore

#: Short reports are started in batches that share a transaction; each is still generated alone, in order.
TURN_JOBS_MAX = 16
TURN_ROWS_MAX = 2_000
#: Delay before the last attempt at a request suspected of killing the process. If something else kills it repeatedly,
#: it rarely survives the delay, and then rarely dies within the few milliseconds of the attempt.
LAST_ATTEMPT_WAITS_S = 2.0
#: Delay after an internal error, so that a persistent one does not loop thousands of times a second.
PAUSE_AFTER_FAULT_S = 1.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class Sender(Protocol):
    """The part of the callback sender that the runner needs."""

    def offer(self, callbacks: Sequence[OwedCallback]) -> None:
        """Enqueue callbacks whose results have just been committed, in order."""

    def look_at_batches(self, batch_ids: Collection[UUID]) -> None:
        """Notify the sender that entries of batches have ended."""


class JobRunner:
    """The queue's only consumer, for one term of leadership. Belongs to the worker's event loop.

    Args:
        jobs: the queue, filled in `queue_position` order.
        store: the request store of this loop and this term.
        sender: delivers the callbacks.
        storage: stores the reports.
        simulated_work: the delay that stands in for real work.
        large_reports: a thread for reports that would block the loop for too long.
        now: the time, aware UTC, never going back.
        wait: waits for an event with a timeout in seconds.
    """

    def __init__(
        self,
        jobs: JobQueue,
        *,
        store: RequestStore,
        sender: Sender,
        storage: ReportStorage,
        simulated_work: SimulatedWork,
        large_reports: Executor,
        now: Callable[[], datetime],
        wait: Wait = happens_within,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._sender = sender
        self._simulated_work = simulated_work
        self._generation = Generation(
            storage=storage,
            simulated_work=simulated_work,
            large_reports=large_reports,
            pause=self._pause_generation,
            is_unwanted=lambda: self.busy_with in self._unwanted,
            now=now,
        )
        self._now = now
        self._wait = wait
        self._wake = asyncio.Event()
        self._over = asyncio.Event()
        #: Set when the report under way is to stop: the term is over, or it was cancelled.
        self._stop = asyncio.Event()
        #: The requests of the turn under way, and those of them that were cancelled meanwhile.
        self._turn: Collection[UUID] = ()
        self._unwanted: set[UUID] = set()
        self._database_trouble: str | None = None
        #: The request being processed; may be read from any thread.
        self.busy_with: UUID | None = None

    @property
    def trouble(self) -> str | None:
        """What blocks progress, as a sentence; None if nothing does. Thread-safe."""
        return self._generation.trouble or self._database_trouble

    def wake(self) -> None:
        """Check the queue for new jobs."""
        self._wake.set()

    def end(self) -> None:
        """End the term: the current report returns to the queue."""
        self._over.set()
        self._stop.set()
        self._wake.set()

    def cancel(self, request_ids: Collection[UUID]) -> None:
        """Generate none of these any further: their rows say that they were cancelled."""
        self._unwanted.update(request_id for request_id in request_ids if request_id in self._turn)
        if self.busy_with in self._unwanted:
            self._stop.set()

    async def run(self) -> None:
        """Process jobs until the term is over.

        Raises:
            LeadershipLost: another process has become the leader.
        """
        with suppress(Interrupted):
            while not self._over.is_set():
                self._wake.clear()
                if turn := self._jobs.take_turn(self._joins):
                    await self._process_or_release(turn)
                else:
                    await self._wake.wait()

    async def _process_or_release(self, turn: Sequence[Job]) -> None:
        try:
            await self._process(turn)
        except (Interrupted, LeadershipLost):
            raise
        except Exception:
            log.exception("The worker failed to process a batch; its requests return to the queue.")
            await self._retry(lambda: self._store.release([job.request_id for job in turn]))
            await self._pause(PAUSE_AFTER_FAULT_S)

    def _joins(self, turn: Sequence[Job], job: Job) -> bool:
        """Whether a job may join a batch: all of them must be short."""
        rows = sum(one.parameters.num_transactions for one in turn) + job.parameters.num_transactions
        few = len(turn) < TURN_JOBS_MAX and rows <= TURN_ROWS_MAX
        return few and self._is_short(job) and self._is_short(turn[0])

    def _is_short(self, job: Job) -> bool:
        """Whether a job may be part of a batch; one suspected of killing a process runs alone, to identify it."""
        return not job.generation_attempts and not self._simulated_work.seconds(job.parameters.num_transactions)

    async def _process(self, turn: Sequence[Job]) -> None:
        """Begin, generate one after the other, record, hand over for delivery."""
        failpoints.reached("after_take")
        if turn[0].generation_attempts >= GENERATION_ATTEMPTS_MAX - 1:
            await self._pause(LAST_ATTEMPT_WAITS_S)
        ids = self._turn = [job.request_id for job in turn]
        self._unwanted.clear()
        wanted = await self._retry(lambda: self._store.start(ids, self._now()))
        failpoints.reached("after_start_commit")
        # What is not wanted was deleted, or cancelled: then it ends now, because it is its turn.
        finished = [
            Finished(request_id=request_id, completed_at=self._now(), result=None)
            for request_id in ids
            if request_id not in wanted
        ]
        try:
            overtaken = await self._generate([job for job in turn if job.request_id in wanted], finished)
        finally:
            # Also if interrupted: finished reports are recorded, the rest return to the queue.
            self.busy_with = None
            left = wanted - {f.request_id for f in finished}
            await self._record(turn, finished, left)
        self._jobs.put_back(overtaken)

    async def _generate(self, turn: Sequence[Job], finished: list[Finished]) -> Sequence[Job]:
        """Generate reports one after the other; returns the rest if a job of another priority has to start first."""
        for number, job in enumerate(turn):
            if not self._jobs.begin(turn[number:]):
                return turn[number:]
            self.busy_with = job.request_id
            if self._over.is_set() or job.request_id in self._unwanted:
                self._stop.set()
            else:
                self._stop.clear()
            finished.append(await self._generation.run_job(job))
        return ()

    async def _record(self, turn: Sequence[Job], finished: list[Finished], left: set[UUID]) -> None:
        if finished:
            failpoints.reached("after_file")
            recorded = await self._retry(partial(self._store.finish, finished))
            failpoints.reached("after_complete_commit")
            self._sender.offer(_owed(turn, finished, recorded))
            self._sender.look_at_batches({job.batch_id for job in turn if job.batch_id is not None})
        if left:
            await self._store.release(left)

    async def _retry(self, change: Callable[[], Awaitable[T]]) -> T:
        """Retry an idempotent change until the database responds."""
        outcome = await until_available(change, Backoff(self._pause), on_away=self._note_away, away=DatabaseAway)
        self._database_trouble = None
        return outcome

    def _note_away(self, error: DatabaseAway) -> None:
        self._database_trouble = error.detail

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the term ends.

        Raises:
            Interrupted: the term is over.
        """
        if seconds > 0 and await self._wait(self._over, seconds):
            raise Interrupted

    async def _pause_generation(self, seconds: float) -> None:
        """Wait, unless the report under way is to stop.

        Raises:
            Interrupted: it is time to stop.
            Unwanted: it was cancelled.
        """
        if seconds > 0 and await self._wait(self._stop, seconds):
            raise Interrupted if self._over.is_set() else Unwanted


def _owed(turn: Sequence[Job], finished: Sequence[Finished], recorded: Sequence[Recorded | None]) -> list[OwedCallback]:
    """Choose what is to be delivered, in the order of the turn: what the rows say, whatever was made."""
    owed = {}
    for end, row in zip(finished, recorded, strict=True):
        if row is not None and row.owed:
            owed[end.request_id] = end if end.status is row.status else replace(end, result=None, failure_reason=None)
    return [OwedReport(job=job, finished=owed[job.request_id]) for job in turn if job.request_id in owed]
