"""Accepts while large reports are generated without pause, beside accepts while nothing is generated."""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from uuid import uuid4

from tests.bench.figures import Goal, Row, at_least, at_most
from tests.bench.harness import Bench, interleave
from tests.bench.jobs import JobLoad, job
from tests.bench.programs import service
from tests.bench.wrk import Load, post
from tests.support.database_state import fetch

CONNECTIONS = 64
LARGE_ROWS = 100_000
#: More than can be generated while the load lasts; that some are left is checked.
LARGE_REPORTS = 600
LEFT = "SELECT count(*) FROM requests WHERE status = 'PENDING' AND queue_position <= $1"
#: Keeps the worker at the first small report: simulated work takes half a second for each, and no processor.
IDLE = {"SIMULATED_MS_PER_TRANSACTION": "10"}


def measure(bench: Bench) -> Sequence[Row]:
    """Run both in turns, each on a new server with a new database."""
    with JobLoad() as load:
        sides = {
            "busy": partial(_accept, bench, load, large_reports=LARGE_REPORTS, settings={}),
            "idle": partial(_accept, bench, load, large_reports=0, settings=IDLE),
        }
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


def _accept(bench: Bench, load: JobLoad, *, large_reports: int, settings: dict[str, str]) -> Load:
    folder, database_url = bench.folder / f"under-load-{uuid4().hex[:8]}", bench.database()
    origins = load.allowed_origins
    try:
        with service(folder, DATABASE_URL=database_url, CALLBACK_ALLOWED_ORIGINS=origins, **settings) as server:
            load.post(server.base_url, large_reports, rows=LARGE_ROWS)
            body = job(load.origins[0])
            seen = post(server.base_url, "/api/async", body, connections=CONNECTIONS, sizes=bench.sizes)
            [[left]] = asyncio.run(fetch(database_url, LEFT, large_reports))
            if large_reports and not left:
                raise RuntimeError("the large reports came to an end: LARGE_REPORTS is too small for this machine")
            return seen
    finally:
        shutil.rmtree(folder)
