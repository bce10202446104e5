"""Sync requests a second beside the generator in a plain FastAPI route."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from tests.bench.figures import Row, at_least
from tests.bench.harness import Bench, interleave
from tests.bench.programs import WebProgram, baseline_app, service
from tests.bench.wrk import Load, post

CONNECTIONS = 16
BODY = {"num_transactions": 50}


def measure(bench: Bench) -> Sequence[Row]:
    """Run both in turns."""
    with ExitStack() as stack:
        ours = stack.enter_context(service(bench.folder / "sync-ours", DATABASE_URL=bench.database()))
        plain = stack.enter_context(baseline_app("plain", bench.folder / "sync-plain"))
        for side in (ours, plain):
            _generate(side, bench.sizes.warm_up_s)
        sides = {
            name: partial(_generate, side, bench.sizes.load_s) for name, side in (("ours", ours), ("plain", plain))
        }
        loads = interleave(sides, bench.sizes.more_rounds)
    return [
        Row(
            measure="sync requests/s, 50 rows, by FastAPI without a database",
            unit="/s",
            ours=[load.per_s for load in loads["ours"]],
            baseline=[load.per_s for load in loads["plain"]],
            goal=at_least(0.4),
            we=f"POST /api/sync at {CONNECTIONS} connections: key and request stored, generated, file, result stored",
            they="the same models, our generator and storage in a plain `def` route of FastAPI; no database",
            same_work="no, ours does more: two transactions, idempotency key, rate limit",
            details={name: {"p99_ms": [load.p99_ms for load in side]} for name, side in loads.items()},
        )
    ]


def _generate(side: WebProgram, seconds: int) -> Load:
    return post(side.base_url, "/api/sync", BODY, connections=CONNECTIONS, seconds=seconds)
