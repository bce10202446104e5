"""Working off the queue: takes jobs in order, has one report generated at a time, records, hands over for delivery."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
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
from src.services.report_files.production import SimulatedWork
from src.services.report_files.storage import ReportStorage
from src.services.requests.records import Finished, Job, OwedCallback
from src.services.requests.store import GENERATION_ATTEMPTS_MAX, RequestStore

#: Short reports are begun together, so that they share a transaction; each is still generated alone, in order.
TURN_JOBS_MAX = 16
TURN_ROWS_MAX = 2_000
#: Before the last attempt of a request that may be what kills the process. One killed from outside again and again
#: seldom lives so long, and then seldom dies in the few milliseconds of the attempt.
LAST_ATTEMPT_WAITS_S = 2.0
#: After a fault of our own, so that one that comes again does not come a thousand times a second.
PAUSE_AFTER_FAULT_S = 1.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class Sender(Protocol):
    """The part that delivers, as the runner sees it."""

    def offer(self, callbacks: Sequence[OwedCallback]) -> None:
        """Send callbacks whose results were committed just now, in order."""


class JobRunner:
    """The queue's only consumer, for one term of leadership. Belongs to the worker's event loop.

    Args:
        jobs: the queue, filled in `queue_position` order.
        store: the statements, on this loop and in this term.
        sender: delivers what is finished.
        storage: where reports go.
        simulated_work: the wait that stands for real work.
        large_reports: a thread for reports that would keep the loop too long.
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
            storage=storage, simulated_work=simulated_work, large_reports=large_reports, pause=self._pause, now=now
        )
        self._now = now
        self._wait = wait
        self._wake = asyncio.Event()
        self._over = asyncio.Event()
        self._database_trouble: str | None = None
        #: What it is doing, for anybody who looks, from any thread.
        self.busy_with: UUID | None = None

    @property
    def trouble(self) -> str | None:
        """What keeps it from working on, in words; None when nothing does. From any thread."""
        return self._generation.trouble or self._database_trouble

    def wake(self) -> None:
        """Look at the queue."""
        self._wake.set()

    def end(self) -> None:
        """End the term: the report under way goes back to the queue."""
        self._over.set()
        self._wake.set()

    async def run(self) -> None:
        """Work until the term is over.

        Raises:
            LeadershipLost: another process works now.
        """
        with suppress(Interrupted):
            while not self._over.is_set():
                self._wake.clear()
                if turn := self._jobs.take_turn(self._joins):
                    await self._work_or_give_back(turn)
                else:
                    await self._wake.wait()

    async def _work_or_give_back(self, turn: Sequence[Job]) -> None:
        try:
            await self._work_on(turn)
        except (Interrupted, LeadershipLost):
            raise
        except Exception:
            log.exception("A turn of the worker failed; its requests go back to the queue.")
            await self._insist(lambda: self._store.release([job.request_id for job in turn]))
            await self._pause(PAUSE_AFTER_FAULT_S)

    def _joins(self, turn: Sequence[Job], job: Job) -> bool:
        """Whether a job is short enough, like those before it, to be begun together with them."""
        rows = sum(one.parameters.num_transactions for one in turn) + job.parameters.num_transactions
        few = len(turn) < TURN_JOBS_MAX and rows <= TURN_ROWS_MAX
        return few and self._is_short(job) and self._is_short(turn[0])

    def _is_short(self, job: Job) -> bool:
        """Whether a job may share a turn; one that may have killed a process works alone, so that it is known."""
        return not job.generation_attempts and not self._simulated_work.seconds(job.parameters.num_transactions)

    async def _work_on(self, turn: Sequence[Job]) -> None:
        """Begin, generate one after the other, record, hand over for delivery."""
        failpoints.reached("after_take")
        if turn[0].generation_attempts >= GENERATION_ATTEMPTS_MAX - 1:
            await self._pause(LAST_ATTEMPT_WAITS_S)
        ids = [job.request_id for job in turn]
        wanted = await self._insist(lambda: self._store.start(ids, self._now()))
        failpoints.reached("after_start_commit")
        finished: list[Finished] = []
        try:
            overtaken = await self._generate([job for job in turn if job.request_id in wanted], finished)
        finally:
            # Also when it is time to stop: what is done is done, the rest goes back to its place.
            self.busy_with = None
            left = wanted - {f.request_id for f in finished}
            await self._record(turn, finished, left)
        self._jobs.put_back(overtaken)

    async def _generate(self, turn: Sequence[Job], finished: list[Finished]) -> Sequence[Job]:
        """Make one report after the other; returns what is left when another priority's turn comes before theirs."""
        for number, job in enumerate(turn):
            if not self._jobs.begin(turn[number:]):
                return turn[number:]
            self.busy_with = job.request_id
            finished.append(await self._generation.run_job(job))
        return ()

    async def _record(self, turn: Sequence[Job], finished: list[Finished], left: set[UUID]) -> None:
        if finished:
            failpoints.reached("after_file")
            await self._insist(partial(self._store.finish, finished))
            failpoints.reached("after_complete_commit")
            jobs = {job.request_id: job for job in turn if job.receiver is not None}
            owed = [OwedCallback(job=jobs[f.request_id], finished=f) for f in finished if f.request_id in jobs]
            self._sender.offer(owed)
        if left:
            await self._store.release(left)

    async def _insist(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change that is safe to repeat, as often as it takes until the database answers."""
        outcome = await until_available(change, Backoff(self._pause), on_away=self._is_away, away=DatabaseAway)
        self._database_trouble = None
        return outcome

    def _is_away(self, error: DatabaseAway) -> None:
        self._database_trouble = error.detail

    async def _pause(self, seconds: float) -> None:
        """Wait, unless it is time to stop.

        Raises:
            Interrupted: it is.
        """
        if seconds > 0 and await self._wait(self._over, seconds):
            raise Interrupted
