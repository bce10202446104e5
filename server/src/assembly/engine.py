"""The part that works: the queue, its feed, and the worker thread that generates and delivers."""

import asyncio
import queue
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from src.assembly.data import Data
from src.assembly.outbound import Outbound
from src.config import Settings
from src.database import connect, create_pool
from src.services.background_worker import BackgroundWorker
from src.services.engine.queue_feed import QueueFeed
from src.services.kit.supervision import Supervisor
from src.services.report_files.production import SimulatedWork
from src.services.requests.records import Job

#: Jobs in memory; those beyond wait in the table.
QUEUE_JOBS_MAX = 1_000
WORKER_CONNECTIONS_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The worker and what feeds it."""

    worker: BackgroundWorker
    feed: QueueFeed
    simulated_work: SimulatedWork


def open_engine(
    settings: Settings,
    data: Data,
    outbound: Outbound,
    stack: AsyncExitStack,
    *,
    now: Callable[[], datetime],
    tasks: Supervisor,
) -> Working:
    """Start the worker thread; it works when this process leads, and what its feed gives it."""
    jobs: queue.Queue[Job] = queue.Queue(QUEUE_JOBS_MAX)
    simulated_work = SimulatedWork(settings.simulated_ms_per_transaction, settings.simulated_max_seconds)
    worker = BackgroundWorker(
        jobs,
        storage=data.storage,
        simulated_work=simulated_work,
        changes=data.changes,
        create_pool=partial(create_pool, data.url, connections_max=WORKER_CONNECTIONS_MAX),
        connect=partial(connect, data.url),
        create_sender=outbound.sender_factory(now),
        now=now,
        tasks=tasks,
        on_away=data.database.note,
    )
    feed = QueueFeed(data.store, jobs, on_put=worker.wake)
    worker.start(feed)
    stack.push_async_callback(asyncio.to_thread, worker.stop)
    return Working(worker=worker, feed=feed, simulated_work=simulated_work)
