"""Durable requests a second, submitted by batches of 100, beside the same requests submitted one by one."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from bench.figures import Goal, Row, at_least
from bench.harness import Bench, interleave
from bench.jobs import JobLoad, job
from bench.programs import WebProgram, processor_time, service
from bench.wrk import Load, post

ENTRIES = 100
CONNECTIONS = 8
SINGLE_CONNECTIONS = 64
PER_S_MIN = 15_000
WE = (
    f"POST /api/batch with {ENTRIES} requests at {CONNECTIONS} connections, answered after COMMIT: strict JSON, each"
    " callback URL checked, each request counted against the rate limit, one idempotency key, consecutive positions;"
    " worker, feed and event stream run, simulated work keeps the worker from generating"
)
THEY = f"the same requests by POST /api/async at {SINGLE_CONNECTIONS} connections"


def measure(bench: Bench) -> Sequence[Row]:
    """Run both sides alternately, each on a server and a database of its own."""
    with ExitStack() as stack:
        receivers = stack.enter_context(JobLoad())
        one = job(receivers.origins[0])
        batch = {"requests": [one] * ENTRIES}
        ours, single = (stack.enter_context(_server(bench, receivers, name)) for name in ("batch", "single"))
        sides = {"ours": partial(_by_batch, ours, batch), "single": partial(_one_by_one, single, one)}
        for side in sides.values():
            side(bench.sizes.warm_up_s)
        loads = interleave(
            {name: partial(side, bench.sizes.load_s) for name, side in sides.items()}, bench.sizes.more_rounds
        )
    per_s = {name: [requests for requests, *_ in rounds] for name, rounds in loads.items()}
    details = {
        name: {"ack_p99_ms": [load.p99_ms for _, load, _ in side], "cpu_us_each": [cpu_us for *_, cpu_us in side]}
        for name, side in loads.items()
    }

    def row(measure: str, baseline: list[float], goal: Goal, they: str) -> Row:
        return Row(
            measure=measure,
            unit="/s",
            ours=per_s["ours"],
            baseline=baseline,
            goal=goal,
            we=WE,
            they=they,
            same_work="yes",
            details=details,
        )

    return [
        row("durable requests/s by batches of 100", [], Goal(PER_S_MIN, at_least=True, of="value", unit="/s"), "none"),
        row("durable requests/s by batches of 100, by single ones", per_s["single"], at_least(3), THEY),
    ]


def _server(bench: Bench, receivers: JobLoad, name: str) -> WebProgram:
    return service(
        bench.folder / f"batches-{name}",
        DATABASE_URL=bench.database(),
        CALLBACK_ALLOWED_ORIGINS=receivers.allowed_origins,
        SIMULATED_MS_PER_TRANSACTION="10",
    )


def _by_batch(server: WebProgram, body: object, seconds: int) -> tuple[float, Load, float]:
    """Return the requests a second, the load and the CPU time of a request in µs."""
    with processor_time([server]) as cpu_s:
        load = post(server.base_url, "/api/batch", body, connections=CONNECTIONS, seconds=seconds)
    return load.per_s * ENTRIES, load, cpu_s[0] / (load.requests * ENTRIES) * 1e6


def _one_by_one(server: WebProgram, body: object, seconds: int) -> tuple[float, Load, float]:
    with processor_time([server]) as cpu_s:
        load = post(server.base_url, "/api/async", body, connections=SINGLE_CONNECTIONS, seconds=seconds)
    return load.per_s, load, cpu_s[0] / load.requests * 1e6
