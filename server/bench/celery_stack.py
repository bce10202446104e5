"""The Celery baseline as a whole: Redis, FastAPI in front, one worker process."""

import asyncio
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from bench.baselines import tables
from bench.harness import Bench
from bench.programs import SIGNING_SECRET, Program, baseline_app
from tests.support.databases import run_sql
from tests.support.ports import free_port

#: One worker process, as strict order demands.
WORKER = ["-A", "bench.baselines.celery_jobs", "worker", "-c", "1", "--pool", "prefork", "--loglevel", "WARNING"]
#: What several workers would tell each other.
ALONE = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
#: Redis keeps nothing on the disk: PostgreSQL has the jobs.
IN_MEMORY = ["--save", "", "--appendonly", "no"]


@dataclass(frozen=True, slots=True)
class CeleryStack:
    """The running programs, and the address of the front."""

    base_url: str
    database_url: str
    programs: Sequence[Program]


@contextmanager
def celery_stack(bench: Bench, allowed_origins: str) -> Iterator[CeleryStack]:
    """Run the stack on its own database."""
    folder = bench.folder / "celery"
    folder.mkdir()
    database_url = bench.database()
    asyncio.run(run_sql(database_url, tables.CELERY))
    redis_port = free_port()
    settings = {
        "BENCH_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "BENCH_LIBPQ_URL": libpq_url(database_url),
        "BENCH_FOLDER": str(folder),
        "BENCH_ALLOWED_ORIGINS": allowed_origins,
        "BENCH_SIGNING_SECRET": SIGNING_SECRET,
    }
    with ExitStack() as stack:
        redis = stack.enter_context(_redis(redis_port, folder))
        front = stack.enter_context(baseline_app("celery_front", folder, **settings))
        worker = stack.enter_context(_worker(folder, settings))
        yield CeleryStack(front.base_url, database_url, [redis, front, worker])


def libpq_url(url: str) -> str:
    """Convert a SQLAlchemy URL to the form of libpq and asyncpg."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _redis(port: int, folder: Path) -> Program:
    arguments = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *IN_MEMORY]
    return Program(arguments, ready=lambda: _pongs(port), log=folder / "redis.log", settings={})


def _worker(folder: Path, settings: dict[str, str]) -> Program:
    log = folder / "worker.log"
    arguments = [sys.executable, "-m", "celery", *WORKER, *ALONE]
    # Jobs that come before it is there wait in Redis; the warm-up is for that.
    return Program(arguments, ready=lambda: True, log=log, settings=settings)


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
