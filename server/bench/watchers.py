"""The cost of live stream clients for those who submit: with and without watchers, on the same server."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bench.figures import Goal, Row, at_least, at_most
from bench.harness import Bench, interleave, say
from bench.jobs import JobLoad, job
from bench.programs import WebProgram, processor_time, service
from bench.watching import Watched, watching
from bench.wrk import Load, post

CONNECTIONS = 64
FEW, MANY = 100, 1_000
RATE_PER_S = 500
SAME_WORK = "the jobs are"


@dataclass(frozen=True, slots=True)
class Run:
    """The result of submitting jobs at a fixed rate."""

    ack_p50_ms: float
    ack_p99_ms: float
    callback_p50_ms: float
    #: Of one core, for as long as the jobs should have taken to submit; without the database's processes.
    cpu_percent: float
    memory_mb: float


def measure(bench: Bench) -> Sequence[Row]:
    """Run with and without watchers alternately, on one server."""
    accepts, runs = _without_pause(bench), _at_a_rate(bench)
    return [
        _accepts_row(accepts, FEW, at_least(0.85)),
        _accepts_row(accepts, MANY, at_least(0.95)),
        _row("ack p99", "ms", "ack_p99_ms", at_most(50, "value", "ms"), runs),
        _row("server CPU", "%", "cpu_percent", at_most(25, "difference", "%"), runs),
        _row("memory", "MB", "memory_mb", at_most(45, "difference", "MB"), runs),
        _row("callback p50", "ms", "callback_p50_ms", at_most(500, "value", "ms"), runs),
    ]


def _accepts_row(accepts: Mapping[str, Sequence[tuple[Load, float]]], watchers: int, goal: Goal) -> Row:
    sides = {"watched": accepts[f"{watchers}"], "alone": accepts["alone"]}
    return Row(
        measure=f"accepts/s with {watchers:,} watchers, by none",
        unit="/s",
        ours=[seen.per_s for seen, _ in sides["watched"]],
        baseline=[seen.per_s for seen, _ in sides["alone"]],
        goal=goal,
        we=f"POST /api/async at {CONNECTIONS} connections while {watchers:,} watch from {watchers // 50} addresses",
        they="the same while nobody watches",
        same_work=SAME_WORK,
        details={name: {"cpu_us_each": [cpu_us for _, cpu_us in side]} for name, side in sides.items()},
    )


def _row(measure: str, unit: str, figure: str, goal: Goal, runs: Mapping[str, Sequence[Run]]) -> Row:
    return Row(
        measure=f"{measure} with {MANY:,} watchers at {RATE_PER_S} jobs/s",
        unit=unit,
        ours=[getattr(run, figure) for run in runs["watched"]],
        baseline=[getattr(run, figure) for run in runs["alone"]],
        goal=goal,
        we=f"{RATE_PER_S} jobs/s, open loop, four receivers, while {MANY:,} watch from {MANY // 50} addresses",
        they="the same while nobody watches",
        same_work=SAME_WORK,
    )


def _without_pause(bench: Bench) -> Mapping[str, Sequence[tuple[Load, float]]]:
    with JobLoad() as load, _server(bench, "accepts", load.allowed_origins) as server:
        accept = partial(_accepts, server, job(load.origins[0]))
        accept(bench.sizes.warm_up_s, 0)
        sides = {f"{watchers}": partial(accept, bench.sizes.load_s, watchers) for watchers in (FEW, MANY)}
        sides["alone"] = partial(accept, bench.sizes.load_s, 0)
        return interleave(sides, bench.sizes.rounds)


def _at_a_rate(bench: Bench) -> Mapping[str, Sequence[Run]]:
    with JobLoad() as load, _server(bench, "at-a-rate", load.allowed_origins) as server:
        submit = partial(_submit, server, load)
        submit(bench.sizes.warm_up_s, 0)
        sides = {"watched": partial(submit, bench.sizes.load_s, MANY), "alone": partial(submit, bench.sizes.load_s, 0)}
        return interleave(sides, bench.sizes.rounds)


def _server(bench: Bench, name: str, origins: str) -> WebProgram:
    """Start a new server, so that no work is left over from the previous measurement."""
    folder = bench.folder / f"watchers-{name}"
    return service(folder, DATABASE_URL=bench.database(), CALLBACK_ALLOWED_ORIGINS=origins)


def _accepts(server: WebProgram, body: object, seconds: int, watchers: int) -> tuple[Load, float]:
    """Submit continuously; also returns the CPU time per accept in µs, the least affected by other work."""
    with watching(server.port, watchers) as watched, processor_time([server]) as cpu_s:
        load = post(server.base_url, "/api/async", body, connections=CONNECTIONS, seconds=seconds)
    cpu_us = cpu_s[0] / load.requests * 1e6
    _tell(watchers, watched, f"{load.per_s:.0f} accepts/s, {cpu_us:.0f} us of processor time each")
    return load, cpu_us


def _submit(server: WebProgram, load: JobLoad, seconds: int, watchers: int) -> Run:
    """Submit at a fixed rate, up to the last callback; memory is measured while all watchers are connected."""
    jobs = RATE_PER_S * seconds
    with watching(server.port, watchers) as watched:
        with processor_time([server]) as cpu_s:
            delivered = load.run(server.base_url, jobs, per_s=RATE_PER_S)
        memory_mb = server.pss_mb()
    run = Run(
        ack_p50_ms=statistics.median(delivered.acks_ms),
        ack_p99_ms=delivered.ack_p99_ms,
        callback_p50_ms=delivered.p50_ms,
        cpu_percent=100 * cpu_s[0] / seconds,
        memory_mb=memory_mb,
    )
    _tell(watchers, watched, run)
    return run


def _tell(watchers: int, watched: Watched, saw: object) -> None:
    each = {name: round(count / watchers, 1) for name, count in watched.types.items()}
    say(f"{watchers} watchers: {watched.received / watched.took_s / 1e6:.0f} MB/s, frames of each {each}; {saw}")
    if watched.ended:
        raise RuntimeError(f"{watched.ended} of {watchers} watchers were cut off")
