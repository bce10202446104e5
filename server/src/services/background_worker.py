"""The single worker thread: its event loop, its leadership terms, and its thread-safe interface.

While it leads, it processes the `queue.Queue` in order and delivers callbacks; otherwise it stands by. Having an event
loop of its own, it keeps delivering, retrying and sending heartbeats while a report is being generated.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

import asyncpg
import uvloop

from src import failpoints
from src.errors import DatabaseAway, LeadershipLost
from src.logs import log_loop_errors
from src.services.delivery.cancellations import SEEN_OWED_FOR
from src.services.delivery.sender import CallbackSender, LaneState
from src.services.engine.job_queue import JobQueue
from src.services.engine.job_runner import JobRunner
from src.services.engine.leadership import Leadership
from src.services.engine.protocol import EngineState
from src.services.engine.queue_feed import QueueFeed
from src.services.kit.supervision import Supervisor
from src.services.kit.waiting import happens_within
from src.services.report_files.production import SimulatedWork
from src.services.report_files.storage import ReportStorage
from src.services.requests.observers import Observers, TermBegun, TermEnded
from src.services.requests.records import Cancelled, LaneKey
from src.services.requests.store import RequestStore

HEARTBEAT_EVERY_S = 1.0
HEARTBEAT_LATE_AFTER_S = 5.0
DELIVERIES_END_WITHIN_S = 4.0
THREAD_STARTS_WITHIN_S = 10.0
THREAD_ENDS_WITHIN_S = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Term:
    """State of the current leadership term."""

    runner: JobRunner
    sender: CallbackSender
    epoch: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class BackgroundWorker:
    """The engine that runs in a single thread, which it owns.

    Args:
        jobs: the queue.
        feed: fills the queue in `queue_position` order, on the server's loop, while this process leads.
        storage: stores the reports.
        simulated_work: the delay that stands in for real work.
        observers: notified of events.
        create_pool: creates a PostgreSQL connection pool on the loop it is called on.
        connect: opens a dedicated connection.
        create_sender: creates the callback sender on the loop it is called on.
        now: the time, aware UTC, never going back.
        tasks: supervises the long-lived tasks.
        on_away: called when the database is unavailable.
        on_beat: called at each heartbeat with how late this loop came back, in seconds.
    """

    def __init__(
        self,
        jobs: JobQueue,
        feed: QueueFeed,
        *,
        storage: ReportStorage,
        simulated_work: SimulatedWork,
        observers: Observers,
        create_pool: Callable[[], Awaitable[asyncpg.Pool]],
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        create_sender: Callable[[RequestStore], CallbackSender],
        now: Callable[[], datetime],
        tasks: Supervisor,
        on_away: Callable[[DatabaseAway], None],
        on_beat: Callable[[float], None],
    ) -> None:
        self._jobs = jobs
        self._feed = feed
        jobs.on_jobs = partial(self._tell, lambda term: term.runner.wake())
        self._tasks = tasks
        self._on_away = on_away
        self._on_beat = on_beat
        self._storage = storage
        self._simulated_work = simulated_work
        self._observers = observers
        self._create_pool = create_pool
        self._connect = connect
        self._create_sender = create_sender
        self._now = now
        self._thread = threading.Thread(target=_run, args=[self._main], name="worker")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_ready = threading.Event()
        self._feeding: asyncio.Task[None] | None = None
        self._heartbeat_s: float | None = None
        self._term: _Term | None = None

    async def start(self) -> None:
        """Start the thread, and the feed on this loop."""
        self._feeding = self._tasks.start("feed", self._feed.run)
        self._thread.start()
        await asyncio.to_thread(self._loop_ready.wait, THREAD_STARTS_WITHIN_S)

    async def stop(self) -> None:
        """Stop and wait: the current report returns to the queue, attempts in flight get a deadline."""
        if self._feeding is None:
            return
        with suppress(RuntimeError):  # the thread has ended, and its loop is closed
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)
        await asyncio.to_thread(self._thread.join, THREAD_ENDS_WITHIN_S)
        self._feeding.cancel()
        await asyncio.wait([self._feeding])

    def wake(self) -> None:
        """Notify the engine of newly accepted requests, in this or another process."""
        self._feed.wake()

    def redeliver(self, lane: LaneKey) -> None:
        """Notify the engine of a callback stored for this lane; a leader in another process polls for it."""
        self._tell(lambda term: term.sender.recheck(lane))

    def receivers_changed(self, receivers: Collection[str]) -> None:
        """Notify the engine that the pauses of receivers may have ended."""
        if receivers:
            self._tell(lambda term: term.sender.pauses_changed(receivers))

    def stop_work(self, request_ids: Collection[UUID]) -> None:
        """Notify the engine of requests or callbacks that were cancelled, in this or another process."""
        if request_ids:
            self._tell(lambda term: _stop_work(term, request_ids))

    async def cancelled(self, request_id: UUID, cancelled: Cancelled) -> None:
        """Stop working on a request that was cancelled.

        When it returns, no attempt to deliver its report begins any more, whichever process delivers: this one has been
        told, or else everything that was seen to be owed before the cancel is looked at again before it is sent.
        """
        told = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop(term: _Term) -> None:
            _stop_work(term, [request_id])
            if term.epoch == cancelled.epoch:
                loop.call_soon_threadsafe(told.set)

        self._tell(stop)
        if cancelled.callback_alone:
            await happens_within(told, SEEN_OWED_FOR.total_seconds())

    def state(self) -> EngineState:
        """Return a snapshot of the state; thread-safe."""
        age_s = None if self._heartbeat_s is None else time.monotonic() - self._heartbeat_s
        term = self._term
        return EngineState(
            alive=self._thread.is_alive() and age_s is not None and age_s < HEARTBEAT_LATE_AFTER_S,
            leading=term is not None,
            busy_with=term.runner.busy_with if term else None,
            heartbeat_age_s=age_s,
            callbacks_in_flight=term.sender.in_flight if term else 0,
            delivery=term.sender.state() if term else None,
            trouble=term.runner.trouble if term else None,
            cycle_at=self._jobs.cycle_at,
        )

    async def lanes(self) -> list[LaneState]:
        """Return a snapshot of the delivery lanes; may be awaited on any loop."""
        term = self._term
        if term is None or self._loop is None:
            return []
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(term.sender.lanes(), self._loop))

    def _tell(self, action: Callable[[_Term], object]) -> None:
        """Run an action on the worker's loop, if this process leads."""
        # RuntimeError: the thread has ended and its loop is closed; there is nothing left to notify.
        with suppress(RuntimeError):
            if (term := self._term) and self._loop is not None:
                # In a context of its own: work started here belongs to no HTTP call.
                self._loop.call_soon_threadsafe(action, term, context=Context())

    # --- on the worker's thread ------------------------------------------------------------------------------

    async def _main(self) -> None:
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(log_loop_errors)
        self._loop_ready.set()
        tasks = [self._tasks.start("heartbeat", self._beat), self._tasks.start("worker", self._lead)]
        await self._stopping.wait()
        if term := self._term:
            term.runner.end()
            with suppress(TimeoutError):
                async with asyncio.timeout(THREAD_ENDS_WITHIN_S):
                    await term.ended.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            began_s = self._heartbeat_s = time.monotonic()
            await asyncio.sleep(HEARTBEAT_EVERY_S)
            self._on_beat(max(0.0, time.monotonic() - began_s - HEARTBEAT_EVERY_S))

    async def _lead(self) -> None:
        """Acquire leadership, work for one term, and release it."""
        leadership = Leadership(self._connect)
        try:
            epoch = await leadership.win()
            self._observers.term_begun(TermBegun(epoch))
            try:
                await self._serve(epoch, leadership)
            finally:
                self._observers.term_ended(TermEnded(epoch))
        except LeadershipLost:
            log.warning("Another process is the leader; this one is on standby.")
        finally:
            leadership.resign()

    async def _serve(self, epoch: int, leadership: Leadership) -> None:
        pool = await self._create_pool()
        large_reports = ThreadPoolExecutor(1, thread_name_prefix="large-report")
        try:
            failpoints.reached("after_election")
            store = RequestStore(pool, self._observers, epoch, self._on_away)
            await store.recover(self._now())
            await self._work(store, large_reports, leadership, epoch)
        finally:
            large_reports.shutdown(wait=False)
            pool.terminate()

    async def _work(self, store: RequestStore, large_reports: Executor, leadership: Leadership, epoch: int) -> None:
        sender = self._create_sender(store)
        runner = JobRunner(
            self._jobs,
            store=store,
            sender=sender,
            storage=self._storage,
            simulated_work=self._simulated_work,
            large_reports=large_reports,
            now=self._now,
        )
        await sender.prepare()
        term = self._term = _Term(runner, sender, epoch)
        self._feed.begin()
        working = asyncio.create_task(runner.run())
        others = [self._tasks.start("delivery", sender.run), asyncio.create_task(leadership.keep())]
        try:
            await asyncio.wait([working, others[1]], return_when=asyncio.FIRST_COMPLETED)
            runner.end()  # leadership may be lost: the database then rejects what is in progress, which ends it
            await working
        finally:
            self._term = None
            self._feed.rest()
            for task in (working, *others):
                task.cancel()
            await asyncio.gather(working, *others, return_exceptions=True)
            await sender.aclose(DELIVERIES_END_WITHIN_S if self._stopping.is_set() else 0)
            term.ended.set()


def _run(main: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def _stop_work(term: _Term, request_ids: Collection[UUID]) -> None:
    term.runner.cancel(request_ids)
    term.sender.cancel(request_ids)
