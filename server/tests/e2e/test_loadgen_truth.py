"""The load generator against servers whose latencies are known: its figures are the truth."""

import asyncio
import math
from typing import Any

from tests.support.known_server import Known, RunningServer, known_server
from tests.support.loadgen import loadgen

WARM_UP = 5
TOLERANCE = 0.03
#: Percentiles, by the name they have in a summary.
PERCENTILES = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "p999_ms": 99.9}


async def measured(server: RunningServer, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    outcome = await loadgen(server.url, "--mode", "sync", "--warmup", str(WARM_UP), *arguments)
    assert outcome.status == 0, outcome.errors
    return outcome.summary["sync"], outcome.summary["generator"]


def true_latencies_ms(server: RunningServer, rate_per_s: float) -> list[float]:
    """From the moment each request was due, which the schedule tells, to the moment its answer left."""
    log = server.log()[WARM_UP:]
    began_s = min(arrived_s - number / rate_per_s for number, (arrived_s, _) in enumerate(log))
    return sorted((answered_s - began_s - number / rate_per_s) * 1e3 for number, (_, answered_s) in enumerate(log))


def assert_true(side: dict[str, Any], generator: dict[str, Any], truth_ms: list[float], *names: str) -> None:
    """Within 3 %, and what the generator says that its own delays on this machine were."""
    for name in names:
        true_ms = truth_ms[math.ceil(PERCENTILES[name] / 100 * len(truth_ms)) - 1]
        share = "p50" if name == "p50_ms" else "p99"
        own_ms = generator[f"lag_{share}_ms"] + generator[f"late_{share}_ms"]
        assert abs(side[name] - true_ms) <= TOLERANCE * true_ms + own_ms, (name, side[name], true_ms, generator)


async def test_open_loop_tells_the_truth_about_a_stall_that_closed_loop_hides() -> None:
    rate_per_s, requests = 200, 500
    known = Known(latency_ms=20, slow_every=100, slow_ms=500, stall_at=150, stall_s=1)
    with known_server(known) as open_server, known_server(known) as closed_server:
        (open_side, generator), (closed_side, _) = await asyncio.gather(
            measured(open_server, "--rate", str(rate_per_s), "--requests", str(requests)),
            measured(closed_server, "--concurrency", "8", "--requests", str(requests)),
        )
        truth_ms = true_latencies_ms(open_server, rate_per_s)

    assert open_side["successful"] == len(truth_ms) == requests
    assert_true(open_side, generator, truth_ms, *PERCENTILES)
    assert sum(count for *_, count in open_side["latency"]["histogram"]) == requests
    # Eight callers waited, eight of five hundred requests, and nobody counted who else would have.
    assert closed_side["max_latency_ms"] > 900
    assert closed_side["p95_ms"] < open_side["p95_ms"] / 4
    stalled = [point for point in open_side["timeline"] if point["sent"] and not point["done"]]
    assert len(stalled) >= 2, "quarters of a second without an answer, while requests were sent, are in the timeline"
