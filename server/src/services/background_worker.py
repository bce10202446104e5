"""The one worker thread: takes jobs from the `queue.Queue` in order, generates, records, and delivers.

It is the queue's only consumer and generates one report at a time. It runs an event loop of its own, so that
deliveries, their retries and heartbeats go on while a report is being generated.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import asyncpg
import orjson
import uvloop

from src.errors import DatabaseAway
from src.models import Mode
from src.services.backoff import Backoff, keep_running
from src.services.callback_sender import CallbackSender, LaneState
from src.services.change_feed import ChangeNotifier
from src.services.records import Finished, Job, OwedCallback
from src.services.report_production import ProducedReport, SimulatedWork, describe, produce
from src.services.report_storage import ReportStorage
from src.services.request_store import RequestStore

#: Short reports are begun together, so that they share a transaction; each is still generated alone, in order.
TURN_JOBS_MAX = 16
TURN_ROWS_MAX = 2_000
#: A report of more rows is generated off the loop, so that deliveries go on.
ROWS_ON_LOOP_MAX = 4_000
HEARTBEAT_EVERY_S = 1.0
HEARTBEAT_LATE_AFTER_S = 5.0
DELIVERIES_END_WITHIN_S = 4.0
THREAD_STARTS_WITHIN_S = 10.0
THREAD_ENDS_WITHIN_S = 10.0

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What the worker is doing, as it says itself."""

    alive: bool
    busy_with: UUID | None
    heartbeat_age_s: float | None
    callbacks_in_flight: int
    #: What keeps it from working on, in words; null when nothing does.
    trouble: str | None


class Stopping(Exception):
    """The worker is to stop: the report under way is given back to the queue."""


class BackgroundWorker:
    """Owns the thread. Its methods may be called from any thread.

    Args:
        jobs: the queue; another part fills it in `queue_position` order.
        storage: where reports go.
        simulated_work: the wait that stands for real work.
        changes: told of every change after its COMMIT.
        create_pool: connects to PostgreSQL, on the loop it is called on.
        create_sender: makes the part that delivers, on the loop it is called on.
        now: the time, aware UTC, never going back.
    """

    def __init__(
        self,
        jobs: queue.Queue[Job],
        *,
        storage: ReportStorage,
        simulated_work: SimulatedWork,
        changes: ChangeNotifier,
        create_pool: Callable[[], Awaitable[asyncpg.Pool]],
        create_sender: Callable[[RequestStore], CallbackSender],
        now: Callable[[], datetime],
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._simulated_work = simulated_work
        self._changes = changes
        self._create_pool = create_pool
        self._create_sender = create_sender
        self._now = now
        self._on_room: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="worker")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_ready = threading.Event()
        self._heartbeat_s: float | None = None
        self._busy_with: UUID | None = None
        self._trouble: str | None = None

    def start(self, on_room: Callable[[], None]) -> None:
        """Start the thread.

        Args:
            on_room: called when the queue is half empty or less; the one who fills it may be waiting for that.
        """
        self._on_room = on_room
        self._thread.start()
        self._loop_ready.wait(THREAD_STARTS_WITHIN_S)

    def stop(self) -> None:
        """Stop and wait: the report under way goes back to the queue, attempts under way get a deadline."""
        self._call(self._stopping_set)
        self._thread.join(THREAD_ENDS_WITHIN_S)

    def wake(self) -> None:
        """Say that jobs were put on the queue."""
        self._call(self._wake_set)

    def deliver_again(self, receiver: str) -> None:
        """Say that the table holds a callback for this receiver."""
        self._call(lambda: self._sender.look_again(receiver))

    def state(self) -> WorkerState:
        """Look at the worker from outside."""
        age_s = None if self._heartbeat_s is None else time.monotonic() - self._heartbeat_s
        beating = age_s is not None and age_s < HEARTBEAT_LATE_AFTER_S
        return WorkerState(
            alive=self._thread.is_alive() and beating,
            busy_with=self._busy_with,
            heartbeat_age_s=age_s,
            callbacks_in_flight=self._sender.in_flight if self._heartbeat_s is not None else 0,
            trouble=self._trouble,
        )

    async def lanes(self) -> list[LaneState]:
        """Look at what is being delivered; may be awaited on any loop."""
        assert self._loop is not None  # noqa: S101  started before anybody can ask
        looking = asyncio.run_coroutine_threadsafe(self._sender.lanes(), self._loop)
        return await asyncio.wrap_future(looking)

    def _call(self, action: Callable[[], None]) -> None:
        # The loop is closed when the thread has ended; then there is nobody to tell.
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(action)

    def _wake_set(self) -> None:
        self._wake.set()

    def _stopping_set(self) -> None:
        self._stopping.set()
        self._wake.set()

    # --- on the worker's thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self) -> None:
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._large_reports = ThreadPoolExecutor(1, thread_name_prefix="large-report")
        pool = await self._create_pool()
        self._store = RequestStore(pool, self._changes)
        self._sender = self._create_sender(self._store)
        self._loop = asyncio.get_running_loop()
        self._loop_ready.set()
        background = [
            asyncio.create_task(self._beat()),
            asyncio.create_task(keep_running(self._sender.run, "delivery")),
        ]
        try:
            await self._work_until_stopped()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await self._sender.aclose(DELIVERIES_END_WITHIN_S)
            self._large_reports.shutdown()
            pool.terminate()

    async def _beat(self) -> None:
        while True:
            self._heartbeat_s = time.monotonic()
            await asyncio.sleep(HEARTBEAT_EVERY_S)

    async def _work_until_stopped(self) -> None:
        backoff = Backoff(self._pause)
        while not self._stopping.is_set():
            self._wake.clear()
            turn = self._take_turn()
            if not turn:
                await self._wake.wait()
                continue
            try:
                await self._work_on(turn)
                backoff.reset()
            except Stopping:
                return
            except Exception:
                log.exception("A turn of the worker failed; its requests go back to the queue.")
                await self._give_back(turn)
                await backoff.wait()

    async def _give_back(self, turn: Sequence[Job]) -> None:
        await self._persistently(lambda: self._store.release([job.request_id for job in turn]))

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
        ids = [job.request_id for job in turn]
        wanted = await self._persistently(lambda: self._store.start(ids, self._now()))
        finished: list[Finished] = []
        try:
            for job in turn:
                if job.request_id in wanted:
                    finished.append(await self._generate(job))  # noqa: PERF401  what is done so far must survive
        finally:
            # Also when it is time to stop: what is done is done, the rest goes back to its place.
            self._busy_with = None
            left = wanted - {f.request_id for f in finished}
            await self._record(turn, finished, left)

    async def _record(self, turn: Sequence[Job], finished: list[Finished], left: set[UUID]) -> None:
        if finished:
            await self._persistently(lambda: self._store.finish(finished))
            jobs = {job.request_id: job for job in turn}
            self._sender.offer([_owed(jobs[f.request_id], f) for f in finished])
        if left:
            await self._store.release(left)

    async def _generate(self, job: Job) -> Finished:
        self._busy_with = job.request_id
        started_s = time.perf_counter()
        await self._pause(self._simulated_work.seconds(job.parameters.num_transactions))
        try:
            report = await self._produce(job)
        except Stopping:
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
                if job.parameters.num_transactions <= ROWS_ON_LOOP_MAX:
                    report = produce(job.request_id, job.parameters, self._storage)
                else:
                    report = await asyncio.get_running_loop().run_in_executor(
                        self._large_reports, produce, job.request_id, job.parameters, self._storage
                    )
            except OSError as error:
                self._trouble = f"Reports cannot be stored: {error.strerror}."
                log.warning("%s Trying again.", self._trouble)
                await backoff.wait()
            else:
                self._trouble = None
                return report

    async def _persistently(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change that is safe to repeat, as often as it takes until the database answers."""
        backoff = Backoff(self._pause)
        while True:
            try:
                outcome = await change()
            except DatabaseAway as error:
                self._trouble = error.detail
                await backoff.wait()
            else:
                self._trouble = None
                return outcome

    async def _pause(self, seconds: float) -> None:
        """Wait, unless it is time to stop.

        Raises:
            Stopping: it is.
        """
        if seconds <= 0:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        if self._stopping.is_set():
            raise Stopping


def _owed(job: Job, finished: Finished) -> OwedCallback:
    return OwedCallback(
        request_id=job.request_id,
        queue_position=job.queue_position,
        callback_url=job.callback_url,
        receiver=job.receiver,
        finished=finished,
    )
