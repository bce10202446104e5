"""What people who watch the live stream cost those who submit: with watchers beside without, on the same server."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from src.config import SERVER_FOLDER
from tests.bench.figures import Goal, Row, at_least, at_most
from tests.bench.harness import Bench, interleave, say
from tests.bench.jobs import JobLoad, job
from tests.bench.programs import SIGNING_SECRET, WebProgram, processor_time, service
from tests.bench.watching import watching
from tests.bench.wrk import Load, post
from tests.support.processes import free_port

CONNECTIONS = 64
FEW, MANY = 100, 1_000
RATE_PER_S = 500
#: The server takes 256 connections from one address.
UNDER_WAY_MAX = 200
LOADGEN_ENDS_WITHIN_S = 120
SAME_WORK = "the jobs are"


@dataclass(frozen=True, slots=True)
class Run:
    """Jobs at a fixed rate, and what they took."""

    ack_p50_ms: float
    ack_p99_ms: float
    callback_p50_ms: float
    accepted: int
    #: Of one core, for as long as the jobs should have taken to submit; without the database's processes.
    cpu_percent: float
    memory_mb: float


def measure(bench: Bench) -> Sequence[Row]:
    """Run with and without watchers in turns, on one server."""
    accepts, runs = _without_pause(bench), _at_a_rate(bench)
    return [
        Row(
            measure=f"accepts/s with {FEW} watchers, by none",
            unit="/s",
            ours=[seen.per_s for seen in accepts["watched"]],
            baseline=[seen.per_s for seen in accepts["alone"]],
            goal=at_least(0.85),
            we=f"POST /api/async at {CONNECTIONS} connections while {FEW} watch from {FEW // 50} addresses",
            they="the same while nobody watches",
            same_work=SAME_WORK,
        ),
        _row("ack p99", "ms", "ack_p99_ms", at_most(50, "value", "ms"), runs),
        _row("server CPU", "%", "cpu_percent", at_most(25, "difference", "%"), runs),
        _row("memory", "MB", "memory_mb", at_most(45, "difference", "MB"), runs),
        _row("callback p50", "ms", "callback_p50_ms", at_most(500, "value", "ms"), runs),
    ]


def _row(measure: str, unit: str, figure: str, goal: Goal, runs: Mapping[str, Sequence[Run]]) -> Row:
    return Row(
        measure=f"{measure} with {MANY:,} watchers at {RATE_PER_S} jobs/s",
        unit=unit,
        ours=[getattr(run, figure) for run in runs["watched"]],
        baseline=[getattr(run, figure) for run in runs["alone"]],
        goal=goal,
        we=f"{RATE_PER_S} jobs/s, open loop, one receiver, while {MANY:,} watch from {MANY // 50} addresses",
        they="the same while nobody watches",
        same_work=SAME_WORK,
    )


def _without_pause(bench: Bench) -> Mapping[str, Sequence[Load]]:
    with JobLoad() as load, _server(bench, "accepts", load.allowed_origins) as server:
        accept = partial(_accepts, server, job(load.origins[0]))
        accept(bench.sizes.warm_up_s, 0)
        sides = {"watched": partial(accept, bench.sizes.load_s, FEW), "alone": partial(accept, bench.sizes.load_s, 0)}
        return interleave(sides, bench.sizes.rounds)


def _at_a_rate(bench: Bench) -> Mapping[str, Sequence[Run]]:
    port = free_port()
    with _server(bench, "at-a-rate", f"http://127.0.0.1:{port}") as server:
        submit = partial(_submit, server, port)
        submit(bench.sizes.warm_up_s, 0)
        sides = {"watched": partial(submit, bench.sizes.load_s, MANY), "alone": partial(submit, bench.sizes.load_s, 0)}
        return interleave(sides, bench.sizes.rounds)


def _server(bench: Bench, name: str, origins: str) -> WebProgram:
    """Make a server of its own, so that nothing is left to do from what was measured before."""
    folder = bench.folder / f"watchers-{name}"
    return service(folder, DATABASE_URL=bench.database(), CALLBACK_ALLOWED_ORIGINS=origins)


def _accepts(server: WebProgram, body: object, seconds: int, watchers: int) -> Load:
    with watching(server.port, watchers) as watched:
        load = post(server.base_url, "/api/async", body, connections=CONNECTIONS, seconds=seconds)
    _tell(watchers, watched.types, watched.received, watched.took_s, f"{load.per_s:.0f} accepts/s")
    if watched.ended:
        raise RuntimeError(f"{watched.ended} of {watchers} watchers were cut off")
    return load


def _submit(server: WebProgram, callback_port: int, seconds: int, watchers: int) -> Run:
    """Submit at a fixed rate; the process's memory is read while all still watch."""
    with watching(server.port, watchers) as watched, processor_time([server]) as cpu_s:
        summary = _loadgen(server.base_url, callback_port, seconds)
        memory_mb = server.pss_mb()
    run = Run(
        ack_p50_ms=summary["p50_ms"],
        ack_p99_ms=summary["p99_ms"],
        callback_p50_ms=summary["p50_callback_ms"],
        accepted=summary["successful"],
        cpu_percent=100 * cpu_s[0] / (summary["successful"] / RATE_PER_S),
        memory_mb=memory_mb,
    )
    _tell(watchers, watched.types, watched.received, watched.took_s, run)
    if watched.ended or summary["failed"]:
        raise RuntimeError(f"{watched.ended} watchers were cut off, {summary['failed']} jobs were refused")
    return run


def _loadgen(base_url: str, callback_port: int, seconds: int) -> dict[str, Any]:
    options = ["--mode", "async", "--rate", str(RATE_PER_S), "--requests", str(RATE_PER_S * seconds)]
    options += ["--connections", str(UNDER_WAY_MAX), "--callback-port", str(callback_port), "--progress", "json"]
    printed = subprocess.run(
        [sys.executable, "-m", "src.loadgen", "--url", base_url, *options],
        cwd=SERVER_FOLDER,
        env={**os.environ, "LOADGEN_SIGNING_SECRETS": SIGNING_SECRET},
        capture_output=True,
        check=True,
        timeout=LOADGEN_ENDS_WITHIN_S,
    ).stdout
    side: dict[str, Any] = json.loads(printed.splitlines()[-1])["summary"]["async"]
    return side


def _tell(watchers: int, types: Mapping[str, int], received: int, took_s: float, saw: object) -> None:
    each = {name: round(count / watchers, 1) for name, count in types.items()}
    say(f"{watchers} watchers: {received / took_s / 1e6:.0f} MB/s, frames of each {each}; {saw}")
