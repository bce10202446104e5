"""Accepts while large reports are generated continuously, compared with accepts on an idle server."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from bench.figures import Goal, Row, at_least, at_most
from bench.harness import Bench, interleave, say
from bench.jobs import JobLoad, job
from bench.programs import WebProgram, service
from bench.wrk import Load, post
from tests.support.database_state import fetch

CONNECTIONS = 64
LARGE_ROWS = 100_000
#: More than can be generated while the load lasts.
LARGE_REPORTS = 600
DONE = "SELECT count(*) FROM requests WHERE status = 'COMPLETED' AND queue_position <= $1"
#: Keeps the worker at the first small report: simulated work takes half a second for each, and no processor.
IDLE = {"SIMULATED_MS_PER_TRANSACTION": "10"}


def measure(bench: Bench) -> Sequence[Row]:
    """Run both alternately: the idle server is reused, the busy one is new in each round, with a new database."""
    with JobLoad() as load, _server(bench, load, **IDLE) as (idle, _):
        _post(idle, load, bench.sizes.warm_up_s)
        sides = {"busy": partial(_busy, bench, load), "idle": partial(_post, idle, load, bench.sizes.load_s)}
        loads = interleave(sides, bench.sizes.rounds)
    return [
        _row("accepts/s", "/s", lambda seen: seen.per_s, at_least(0.6), loads),
        _row("ack p99", "ms", lambda seen: seen.p99_ms, at_most(3), loads),
    ]


def _row(
    measure: str, unit: str, figure: Callable[[Load], float], goal: Goal, loads: Mapping[str, Sequence[Load]]
) -> Row:
    return Row(
        measure=f"{measure} while {LARGE_ROWS:,}-row reports are generated, by idle",
        unit=unit,
        ours=[figure(seen) for seen in loads["busy"]],
        baseline=[figure(seen) for seen in loads["idle"]],
        goal=goal,
        we=f"POST /api/async at {CONNECTIONS} connections while {LARGE_ROWS:,}-row reports are generated without pause",
        they="the same while the worker waits in simulated work",
        same_work="the accepts are",
    )


@contextmanager
def _server(bench: Bench, load: JobLoad, **settings: str) -> Iterator[tuple[WebProgram, str]]:
    """Run a server on a new database; removes its reports afterwards, which take gigabytes."""
    folder, database_url = Path(mkdtemp(prefix="under-load-", dir=bench.folder)), bench.database()
    origins = load.allowed_origins
    try:
        with service(folder, DATABASE_URL=database_url, CALLBACK_ALLOWED_ORIGINS=origins, **settings) as server:
            yield server, database_url
    finally:
        shutil.rmtree(folder)


def _busy(bench: Bench, load: JobLoad) -> Load:
    """Load a server while it generates, and check that it did so throughout."""
    with _server(bench, load) as (server, database_url):
        load.post(server.base_url, LARGE_REPORTS, rows=LARGE_ROWS)
        _post(server, load, bench.sizes.warm_up_s)
        before = _done(database_url)
        seen = _post(server, load, bench.sizes.load_s)
        after = _done(database_url)
    say(f"{after - before} reports of {LARGE_ROWS:,} rows in {bench.sizes.load_s} s")
    if not before < after < LARGE_REPORTS:
        raise RuntimeError(f"large reports were not generated all the time: {before}, then {after} of {LARGE_REPORTS}")
    return seen


def _done(database_url: str) -> int:
    [[done]] = asyncio.run(fetch(database_url, DONE, LARGE_REPORTS))
    return int(done)


def _post(server: WebProgram, load: JobLoad, seconds: int) -> Load:
    return post(server.base_url, "/api/async", job(load.origins[0]), connections=CONNECTIONS, seconds=seconds)
