"""Working off the queue: takes jobs in order, generates one report at a time, records, hands over for delivery."""

import asyncio
import logging
import queue
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import orjson

from src import failpoints
from src.errors import DatabaseAway, LeadershipLost
from src.models import Mode
from src.services.delivery.sender import CallbackSender
from src.services.kit.backoff import Backoff
from src.services.report_files.production import ProducedReport, SimulatedWork, describe, produce
from src.services.report_files.storage import ReportStorage
from src.services.requests.records import Finished, Job, OwedCallback
from src.services.requests.store import GENERATION_ATTEMPTS_MAX, RequestStore

#: Short reports are begun together, so that they share a transaction; each is still generated alone, in order.
TURN_JOBS_MAX = 16
TURN_ROWS_MAX = 2_000
#: A report of more rows is generated off the loop, so that deliveries go on.
ROWS_ON_LOOP_MAX = 4_000
#: Before the last attempt of a request that may be what kills the process. One killed from outside again and again
#: seldom lives so long, and then seldom dies in the few milliseconds of the attempt.
LAST_ATTEMPT_WAITS_S = 2.0
#: After a fault of our own, so that one that comes again does not come a thousand times a second.
PAUSE_AFTER_FAULT_S = 1.0

log = logging.getLogger(__name__)
T = TypeVar("T")


class TermOver(Exception):
    """It is time to stop: the report under way is given back to the queue."""


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
        on_room: called when the queue is half empty or less.
        over: set when the term is over.
    """

    def __init__(
        self,
        jobs: queue.Queue[Job],
        *,
        store: RequestStore,
        sender: CallbackSender,
        storage: ReportStorage,
        simulated_work: SimulatedWork,
        large_reports: Executor,
        now: Callable[[], datetime],
        on_room: Callable[[], None],
        over: asyncio.Event,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._sender = sender
        self._storage = storage
        self._simulated_work = simulated_work
        self._large_reports = large_reports
        self._now = now
        self._on_room = on_room
        self._over = over
        self._wake = asyncio.Event()
        #: What it is doing, for anybody who looks, from any thread.
        self.busy_with: UUID | None = None
        self.trouble: str | None = None

    def wake(self) -> None:
        """Look at the queue, or at whether it is time to stop."""
        self._wake.set()

    async def run(self) -> None:
        """Work until the term is over.

        Raises:
            LeadershipLost: another process works now.
        """
        with suppress(TermOver):
            while not self._over.is_set():
                self._wake.clear()
                if turn := self._take_turn():
                    await self._work_or_give_back(turn)
                else:
                    await self._wake.wait()

    async def _work_or_give_back(self, turn: Sequence[Job]) -> None:
        try:
            await self._work_on(turn)
        except (TermOver, LeadershipLost):
            raise
        except Exception:
            log.exception("A turn of the worker failed; its requests go back to the queue.")
            await self._persistently(lambda: self._store.release([job.request_id for job in turn]))
            await self._pause(PAUSE_AFTER_FAULT_S)

    def _take_turn(self) -> list[Job]:
        """Take the next job, and those behind it that are short enough to be begun with it."""
        turn: list[Job] = []
        rows = 0
        while len(turn) < TURN_JOBS_MAX and self._jobs.queue:
            job = self._jobs.queue[0]  # a look without taking: nobody else takes anything
            rows += job.parameters.num_transactions
            if turn and (rows > TURN_ROWS_MAX or not self._is_short(job) or not self._is_short(turn[0])):
                break
            turn.append(self._jobs.get_nowait())
        if self._jobs.qsize() <= self._jobs.maxsize // 2:
            self._on_room()
        return turn

    def _is_short(self, job: Job) -> bool:
        """Whether a job may share a turn; one that may have killed a process works alone, so that it is known."""
        return not job.generation_attempts and not self._simulated_work.seconds(job.parameters.num_transactions)

    async def _work_on(self, turn: Sequence[Job]) -> None:
        """Begin, generate one after the other, record, hand over for delivery."""
        failpoints.reached("after_take")
        if turn[0].generation_attempts >= GENERATION_ATTEMPTS_MAX - 1:
            await self._pause(LAST_ATTEMPT_WAITS_S)
        ids = [job.request_id for job in turn]
        wanted = await self._persistently(lambda: self._store.start(ids, self._now()))
        failpoints.reached("after_start_commit")
        finished: list[Finished] = []
        try:
            for job in turn:
                if job.request_id in wanted:
                    finished.append(await self._generate(job))  # noqa: PERF401  what is done so far must survive
        finally:
            # Also when it is time to stop: what is done is done, the rest goes back to its place.
            self.busy_with = None
            left = wanted - {f.request_id for f in finished}
            await self._record(turn, finished, left)

    async def _record(self, turn: Sequence[Job], finished: list[Finished], left: set[UUID]) -> None:
        if finished:
            failpoints.reached("after_file")
            await self._persistently(lambda: self._store.finish(finished))
            failpoints.reached("after_complete_commit")
            jobs = {job.request_id: job for job in turn}
            self._sender.offer([_owed(jobs[f.request_id], f) for f in finished])
        if left:
            await self._store.release(left)

    async def _generate(self, job: Job) -> Finished:
        self.busy_with = job.request_id
        started_s = time.perf_counter()
        await self._pause(self._simulated_work.seconds(job.parameters.num_transactions))
        try:
            report = await self._produce(job)
        except TermOver:
            raise
        except Exception:
            log.exception("The report of %s could not be generated.", job.request_id)
            reason = "The report could not be generated because of a fault in the service."
            return Finished(request_id=job.request_id, completed_at=self._now(), result=None, failure_reason=reason)
        result = describe(job.request_id, Mode.ASYNC, job.parameters, report, started_s)
        return Finished(request_id=job.request_id, completed_at=self._now(), result=orjson.dumps(result).decode())

    async def _produce(self, job: Job) -> ProducedReport:
        """Generate and store; a disk that refuses is waited for, and the queue with it."""
        backoff = Backoff(self._pause)
        while True:
            try:
                if self._storage.is_quick and job.parameters.num_transactions <= ROWS_ON_LOOP_MAX:
                    report = produce(job.request_id, job.parameters, self._storage)
                else:
                    report = await asyncio.get_running_loop().run_in_executor(
                        self._large_reports, produce, job.request_id, job.parameters, self._storage
                    )
            except OSError as error:
                self._note(f"Reports cannot be stored: {error.strerror}.")
                await backoff.wait()
            else:
                self.trouble = None
                return report

    def _note(self, trouble: str) -> None:
        if trouble != self.trouble:  # the log is told once, not at each try
            log.warning("%s Trying again and again.", trouble)
        self.trouble = trouble

    async def _persistently(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change that is safe to repeat, as often as it takes until the database answers."""
        backoff = Backoff(self._pause)
        while True:
            try:
                outcome = await change()
            except DatabaseAway as error:
                self.trouble = error.detail
                await backoff.wait()
            else:
                self.trouble = None
                return outcome

    async def _pause(self, seconds: float) -> None:
        """Wait, unless it is time to stop.

        Raises:
            TermOver: it is.
        """
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        if self._over.is_set():
            raise TermOver


def _owed(job: Job, finished: Finished) -> OwedCallback:
    return OwedCallback(
        request_id=job.request_id,
        queue_position=job.queue_position,
        caller=job.caller,
        callback_url=job.callback_url,
        receiver=job.receiver,
        finished=finished,
        owner=job.owner,
    )
