"""Jobs from the POST to the callback, beside FastAPI with Celery and Redis: rate, time, memory, processor time."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from bench.celery_stack import celery_stack
from bench.figures import Goal, Row, at_least, at_most
from bench.harness import Bench, interleave
from bench.jobs import Delivered, JobLoad
from bench.programs import Program, processor_time, service
from tests.support.database_state import fetch
from tests.support.waiting import eventually

WARM_UP_JOBS = 50
WE = (
    "one process: 50-row reports accepted durably with idempotency key and rate limit, generated in order, stored,"
    " recorded, signed, address checked and pinned, delivered to four receivers, every attempt logged"
)
THEY = (
    "FastAPI (asyncpg, one INSERT with the key), Redis without persistence, Celery 5 prefork -c 1 with one psycopg"
    " connection and one httpx.Client: the same report module, file, statuses, signature, address check, log row"
)
SAME_WORK = "yes, but for rate limit, pinning of the address, order at each receiver across retries: ours alone"
WITHOUT_POSTGRES = "; all processes but PostgreSQL's, Redis included"


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one round of one side."""

    delivered: Delivered
    cpu_ms: float
    pss_mb: float


@dataclass(frozen=True, slots=True)
class Side:
    """A stack that accepts jobs."""

    base_url: str
    database_url: str
    programs: Sequence[Program]
    #: Counts the jobs that are through: generated, delivered, logged.
    through: str


OURS_THROUGH = """
SELECT count(*) FROM requests r JOIN callback_logs l ON l.request_id = r.id
WHERE r.status = 'COMPLETED' AND r.callback_status = 'SUCCESS' AND l.success AND l.attempted_at > $1
"""
CELERY_THROUGH = """
SELECT count(*) FROM jobs j JOIN attempts a ON a.job_id = j.id
WHERE j.status = 'COMPLETED' AND j.callback_status = 'SUCCESS' AND a.success AND a.attempted_at > $1
"""


def measure(bench: Bench) -> Sequence[Row]:
    """Run both sides alternately."""
    with ExitStack() as stack:
        load = stack.enter_context(JobLoad())
        ours = our_side(bench, bench.database(), load, stack)
        celery = stack.enter_context(celery_stack(bench, load.allowed_origins))
        celery_side = Side(celery.base_url, celery.database_url, celery.programs, CELERY_THROUGH)
        sides = {name: partial(run, side, load, bench) for name, side in (("ours", ours), ("celery", celery_side))}
        for side in (ours, celery_side):
            load.run(side.base_url, WARM_UP_JOBS)
        runs = interleave(sides, bench.sizes.more_rounds)
    return _rows(runs["ours"], runs["celery"])


def our_side(bench: Bench, database_url: str, load: JobLoad, stack: ExitStack) -> Side:
    """Start our service on a database."""
    folder = Path(mkdtemp(prefix="jobs-", dir=bench.folder))
    program = service(folder, DATABASE_URL=database_url, CALLBACK_ALLOWED_ORIGINS=load.allowed_origins)
    stack.enter_context(program)
    return Side(program.base_url, database_url, [program], OURS_THROUGH)


def run(side: Side, load: JobLoad, bench: Bench) -> Run:
    """Run one round, and check that every job has been completed."""
    jobs, began_at = bench.sizes.jobs, datetime.now(UTC)
    with processor_time(side.programs) as cpu_s:
        delivered = load.run(side.base_url, jobs)
        asyncio.run(eventually(lambda: _all_through(side, jobs, began_at)))
    return Run(delivered, cpu_s[0] / jobs * 1000, sum(program.pss_mb() for program in side.programs))


async def _all_through(side: Side, jobs: int, began_at: datetime) -> bool:
    """Wait until the database shows all jobs as completed: callbacks are recorded with a delay."""
    [[through]] = await fetch(side.database_url, side.through, began_at)
    return bool(through == jobs)


def _rows(ours: Sequence[Run], celery: Sequence[Run]) -> Sequence[Row]:
    def row(measure: str, unit: str, figure: Callable[[Run], float], goal: Goal, *, apart: str = "") -> Row:
        return Row(
            measure=measure,
            unit=unit,
            ours=[figure(one) for one in ours],
            baseline=[figure(one) for one in celery],
            goal=goal,
            we=WE,
            they=THEY,
            same_work=SAME_WORK + apart,
        )

    return [
        row("jobs/s end to end, by Celery", "/s", lambda one: one.delivered.jobs_per_s, at_least(2)),
        row("p95 time to callback, by Celery", "ms", lambda one: one.delivered.p95_ms, at_most(0.6)),
        row("memory (PSS), by Celery", "MB", lambda one: one.pss_mb, at_most(0.5), apart=WITHOUT_POSTGRES),
        row("CPU for a job, by Celery", "ms", lambda one: one.cpu_ms, at_most(0.5), apart=WITHOUT_POSTGRES),
    ]
