"""Starts the engine: the queue, its feed, and the worker thread that generates and delivers."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial

from src.assembly.data import Data
from src.assembly.outbound import Outbound
from src.database import connect, create_pool
from src.services.background_worker import BackgroundWorker
from src.services.engine.job_queue import JobQueue
from src.services.engine.priority_cycle import PriorityCycle
from src.services.engine.protocol import Engine
from src.services.engine.queue_feed import QueueFeed
from src.services.kit.supervision import Supervisor
from src.services.metrics.metrics import Metrics
from src.services.report_files.production import SimulatedWork

#: Maximum number of jobs in memory per priority; the rest stay in the table.
QUEUE_JOBS_MAX = 1_000
WORKER_CONNECTIONS_MAX = 4


async def open_engine(
    data: Data,
    outbound: Outbound,
    simulated_work: SimulatedWork,
    priorities: PriorityCycle,
    metrics: Metrics,
    stack: AsyncExitStack,
    *,
    now: Callable[[], datetime],
    tasks: Supervisor,
) -> Engine:
    """Start the engine; it works while this process is the leader."""
    jobs = JobQueue(QUEUE_JOBS_MAX, priorities)
    engine = BackgroundWorker(
        jobs,
        QueueFeed(data.store, jobs),
        storage=data.storage,
        simulated_work=simulated_work,
        observers=data.observers,
        create_pool=partial(create_pool, data.url, connections_max=WORKER_CONNECTIONS_MAX),
        connect=partial(connect, data.url),
        create_sender=outbound.sender_factory(data.observers, now),
        now=now,
        tasks=tasks,
        on_away=data.database.note,
        on_beat=partial(metrics.came_back, "worker"),
    )
    stack.push_async_callback(engine.stop)
    await engine.start()
    return engine
