"""The load generator beside wrk, and how much it can drive: `python -m bench.loadgen`.

Two endpoints, both `POST /api/sync`: a server in a process of its own that answers after 20 ms, and the real service
without simulated work. In each round wrk and the load generator run at the same time, with as many callers and the
same body, so that whatever else happens on the machine happens to both; a round before them warms the server up, and
the medians of the rounds are compared.

wrk does not print what it measured: to each latency of more than twice the mean it adds the requests that would have
been sent meanwhile (`stats_correct` in its source). The load generator has open loop for that, and in closed loop
prints what it measured. For the comparison the same is added to its figures, in the lines "as wrk".

After that a server that answers at once: how many requests a second one core sends in closed loop and at a fixed rate
of 3,000, and what the generator says about who is the limit. wrk must be installed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import orjson

from tests.support.known_server import Known, known_server
from tests.support.loadgen import SERVER_FOLDER, start_loadgen
from tests.support.processes import server_process

BODY = '{"num_transactions":50}'
SCRIPT = f"""wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{BODY}'
"""
UNIT_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
PERCENTILE = re.compile(r"(\d+)%\s+([\d.]+)(\w+)")
RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
REQUIRED_PER_S = 3000


class Figures(NamedTuple):
    """The results of a run."""

    per_s: float
    p50_ms: float
    p99_ms: float


def wrk(url: str, callers: int, seconds: int, script: Path) -> Figures:
    """Measure with wrk."""
    command = ["wrk", "-t1", f"-c{callers}", f"-d{seconds}s", "--latency", "-s", str(script), f"{url}/api/sync"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {share: float(value) * UNIT_MS[unit] for share, value, unit in PERCENTILE.findall(printed)}
    rate = RATE.search(printed)
    assert rate is not None, printed
    return Figures(float(rate[1]), found["50"], found["99"])


def loadgen(url: str, *arguments: str) -> dict[str, Any]:
    """Measure with the load generator; returns its summary."""
    command = [sys.executable, "-m", "src.loadgen", "--url", url, "--progress", "json", *arguments]
    printed = subprocess.run(command, cwd=SERVER_FOLDER, capture_output=True, check=True).stdout
    summary: dict[str, Any] = orjson.loads(printed.splitlines()[-1])["summary"]
    return summary


def at_once(url: str, callers: int, seconds: int, script: Path) -> tuple[Figures, Figures, Figures]:
    """Measure with both at the same time: wrk starts when the load generator's warm-up is over."""
    arguments = ("--progress", "json", "--concurrency", str(callers), "--duration", f"{seconds}s")
    with start_loadgen(url, *arguments) as running:
        assert running.stdout is not None
        next(line for line in running.stdout if '"phase":"sending"' in line)
        theirs = wrk(url, callers, seconds, script)
        *_, last = running.stdout
    side = orjson.loads(last)["summary"]["sync"]
    measured = Figures(side["throughput_per_s"], side["p50_ms"], side["p99_ms"])
    return theirs, measured, as_wrk(side, callers)


def as_wrk(side: dict[str, Any], callers: int) -> Figures:
    """The load generator's figures with the correction that wrk applies to its own."""
    count, curve = side["successful"], side["latency"]["percentile_curve"]
    shares, values_ms = zip(*curve, strict=True)
    latencies_ms = np.interp((np.arange(count) + 0.5) * 100 / count, shares, values_ms)
    interval_ms = side["duration_ms"] / (count // callers)
    late_ms = latencies_ms[latencies_ms >= 2 * interval_ms]
    added_ms = [np.arange(one - interval_ms, interval_ms, -interval_ms) for one in late_ms]
    p50_ms, p99_ms = np.percentile(np.concatenate([latencies_ms, *added_ms]), (50, 99))
    return Figures(side["throughput_per_s"], float(p50_ms), float(p99_ms))


def compare(name: str, url: str, callers: int, seconds: int, rounds: int) -> None:
    """Print both and their difference."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT)
        script.flush()
        runs = [at_once(url, callers, seconds, Path(script.name)) for _ in range(rounds + 1)][1:]
    print(f"\n{name}, {callers} callers each, {rounds} rounds of {seconds} s each")
    print(f"  {'':12}{'a second':>12}{'p50 ms':>10}{'p99 ms':>10}")
    for number, run in enumerate(runs, start=1):
        for program, figures in zip(("wrk", "loadgen", "as wrk"), run, strict=True):
            print(f"  {number} {program:10}{figures.per_s:12,.1f}{figures.p50_ms:10.2f}{figures.p99_ms:10.2f}")
    medians = [Figures(*(median(values) for values in zip(*column, strict=True))) for column in zip(*runs, strict=True)]
    apart = [100 * (mine / theirs - 1) for theirs, mine in zip(medians[0], medians[2], strict=True)]
    print(f"  {'apart':12}{apart[0]:+11.1f}%{apart[1]:+9.1f}%{apart[2]:+9.1f}%")


@contextmanager
def real_service() -> Iterator[str]:
    """Run the service as its users do, without simulated work and rate limits."""
    settings = {"SIMULATED_MS_PER_TRANSACTION": "0", "RATE_LIMIT_SYNC": "off"}
    with tempfile.TemporaryDirectory(prefix="frg-") as folder, server_process(Path(folder), **settings) as server:
        yield server.base_url


def drive(url: str, seconds: int) -> None:
    """Print how many requests one core sends to a server that responds immediately."""
    print(f"\nwhat one core can drive, {seconds} s each")
    for arguments in (("--concurrency", "50"), ("--rate", str(REQUIRED_PER_S))):
        summary = loadgen(url, *arguments, "--duration", f"{seconds}s")
        side, generator = summary["sync"], summary["generator"]
        print(
            f"  {' '.join(arguments):18}{side['throughput_per_s']:10,.0f} a second, {side['failed']} failed,"
            f" p50 {side['p50_ms']} ms, p99 {side['p99_ms']} ms\n    {generator['sentence']}"
        )


def main(rounds: int, seconds: int) -> None:
    """Print everything."""
    with known_server(Known(latency_ms=20)) as server:
        compare("a server that answers after 20 ms", server.url, 20, seconds, rounds)
    with real_service() as url:
        compare("the real service", url, 10, seconds, rounds)
    with known_server(Known()) as server:
        drive(server.url, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a run (default 5)")
    options = parser.parse_args()
    main(options.rounds, options.seconds)
