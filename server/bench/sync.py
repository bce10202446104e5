"""Sync requests per second, compared with the generator in a plain FastAPI route."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from bench.figures import Row, at_least
from bench.harness import Bench, interleave
from bench.programs import WebProgram, baseline_app, service
from bench.wrk import Load, post

CONNECTIONS = 16
BODY = {"num_transactions": 50}


def measure(bench: Bench) -> Sequence[Row]:
    """Run all sides alternately."""
    with ExitStack() as stack:
        ours = stack.enter_context(service(bench.folder / "sync-ours", DATABASE_URL=bench.database()))
        plain = stack.enter_context(baseline_app("plain", bench.folder / "sync-plain"))
        sides = {
            "ours": partial(_generate, ours, "/api/sync"),
            "loop": partial(_generate, plain, "/api/sync"),
            "thread": partial(_generate, plain, "/api/sync-in-thread"),
        }
        for side in sides.values():
            side(bench.sizes.warm_up_s)
        turns = {name: partial(side, bench.sizes.load_s) for name, side in sides.items()}
        loads = interleave(turns, bench.sizes.more_rounds)
    return [
        _row("`async def` without a database", "loop", loads, "on the event loop, in an `async def` route"),
        _row("`def` without a database", "thread", loads, "in FastAPI's threads, in a `def` route"),
    ]


def _row(than: str, side: str, loads: Mapping[str, Sequence[Load]], where: str) -> Row:
    return Row(
        measure=f"sync requests/s, 50 rows, by FastAPI's {than}",
        unit="/s",
        ours=[load.per_s for load in loads["ours"]],
        baseline=[load.per_s for load in loads[side]],
        goal=at_least(0.4),
        we=f"POST /api/sync at {CONNECTIONS} connections: key and request stored, generated, file, result stored",
        they=f"the same models, our generator and storage {where}; no database",
        same_work="no, ours does more: two transactions, idempotency key, rate limit",
        details={name: {"p99_ms": [load.p99_ms for load in loads[name]]} for name in ("ours", side)},
    )


def _generate(side: WebProgram, path: str, seconds: int) -> Load:
    return post(side.base_url, path, BODY, connections=CONNECTIONS, seconds=seconds)
