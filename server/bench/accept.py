"""Durable accepts a second beside the same route without a database, with an ORM session for each, and with keys."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import httpx

from bench.baselines import tables
from bench.figures import Goal, Row, at_least
from bench.harness import Bench, interleave
from bench.jobs import JobLoad, job
from bench.programs import WebProgram, baseline_app, processor_time, service
from bench.wrk import Load, post
from src.services.identity.key_format import generate_key
from tests.support.databases import run_sql

CONNECTIONS = 64
OPERATORS_KEY = generate_key()
WE = (
    "POST /api/async at 64 connections, answered after COMMIT: strict JSON, callback URL checked, rate limit counted,"
    " idempotency key stored, position in order of arrival; worker, feed and event stream run, simulated work keeps"
    " the worker from generating"
)
PLAIN = "the same body and response models in plain FastAPI; nothing is stored"
KEYED = "the same service with AUTH_REQUIRED: each POST carries an API key of an account"
ORM = "the same models, one SQLAlchemy AsyncSession a request on a pooled engine: add, commit"


def measure(bench: Bench) -> Sequence[Row]:
    """Run the three sides alternately."""
    with ExitStack() as stack:
        receivers = stack.enter_context(JobLoad())
        body = job(receivers.origins[0])
        programs = {name: stack.enter_context(side) for name, side in _sides(bench, receivers).items()}
        keys = {"keys": _new_key(programs["keys"])}
        for name, side in programs.items():
            _accept(side, body, bench.sizes.warm_up_s, keys.get(name))
        sides = {
            name: partial(_accept, side, body, bench.sizes.load_s, keys.get(name)) for name, side in programs.items()
        }
        loads = interleave(sides, bench.sizes.more_rounds)
    details = {
        name: {"ack_p99_ms": [load.p99_ms for load, _ in side], "cpu_us_each": [cpu_us for _, cpu_us in side]}
        for name, side in loads.items()
    }

    def row(than: str, side: str, goal: Goal, they: str, same_work: str) -> Row:
        return Row(
            measure=f"durable accepts/s, by {than}",
            unit="/s",
            ours=[load.per_s for load, _ in loads["ours"]],
            baseline=[load.per_s for load, _ in loads[side]],
            goal=goal,
            we=WE,
            they=they,
            same_work=same_work,
            details=details,
        )

    return [
        row(
            "FastAPI without a database", "plain", at_least(0.6), PLAIN, "no, ours does more: all but reading the body"
        ),
        row("one ORM session a request", "orm", at_least(5), ORM, "no, ours does more: key, limit, check of the URL"),
        Row(
            measure="durable accepts/s with API keys, by without",
            unit="/s",
            ours=[load.per_s for load, _ in loads["keys"]],
            baseline=[load.per_s for load, _ in loads["ours"]],
            goal=at_least(0.95),
            we=KEYED,
            they=WE,
            same_work="yes, and the key is checked",
            details=details,
        ),
    ]


def _new_key(side: WebProgram) -> str:
    """Create an account's key with the operator's."""
    body = {"name": "bench", "account": "bench", "scopes": ["submit", "read"]}
    answer = httpx.post(f"{side.base_url}/api/keys", headers={"Authorization": f"Bearer {OPERATORS_KEY}"}, json=body)
    key: str = answer.raise_for_status().json()["key"]
    return key


def _accept(side: WebProgram, body: object, seconds: int, key: str | None = None) -> tuple[Load, float]:
    """Load one side; also returns its CPU time per accept in µs, which other work on the machine affects least."""
    with processor_time([side]) as cpu_s:
        load = post(side.base_url, "/api/async", body, connections=CONNECTIONS, seconds=seconds, key=key)
    return load, cpu_s[0] / load.requests * 1e6


def _sides(bench: Bench, load: JobLoad) -> dict[str, WebProgram]:
    orm_url = bench.database()
    asyncio.run(run_sql(orm_url, tables.ORM))
    common = {"CALLBACK_ALLOWED_ORIGINS": load.allowed_origins, "SIMULATED_MS_PER_TRANSACTION": "10"}
    closed = {"AUTH_REQUIRED": "true", "BOOTSTRAP_ADMIN_KEY": OPERATORS_KEY}
    return {
        "ours": service(bench.folder / "accept-ours", DATABASE_URL=bench.database(), **common),
        "keys": service(bench.folder / "accept-keys", DATABASE_URL=bench.database(), **common, **closed),
        "plain": baseline_app("plain", bench.folder / "accept-plain"),
        "orm": baseline_app("orm", bench.folder / "accept-orm", BENCH_DATABASE_URL=orm_url),
    }
