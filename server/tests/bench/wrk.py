"""Load by wrk: as many connections as wanted, each sends its next request when it has the answer to the last."""

import json
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from tests.bench.harness import Sizes

SCRIPT = Path(__file__).with_name("post.lua")
ENDS_LATE_BY_MAX_S = 20


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw.

    Attributes:
        requests: answered, the warm-up's included.
        per_s: without the warm-up; so are the others.
        p50_ms: time to the answer that half of them did not exceed.
        p99_ms: that 99 of 100 did not exceed.
    """

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float


def post(base_url: str, path: str, body: object, *, connections: int, sizes: Sizes) -> Load:
    """POST without pause, with a new idempotency key each time, after a warm-up that is not counted.

    Raises:
        RuntimeError: not every answer was a good one.
    """
    warm_up, load = (
        _run(base_url, path, json.dumps(body), connections, seconds) for seconds in (sizes.warm_up_s, sizes.load_s)
    )
    return replace(load, requests=warm_up.requests + load.requests)


def _run(base_url: str, path: str, body: str, connections: int, seconds: int) -> Load:
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    said = subprocess.run(
        ["wrk", *options, base_url, "--", path, body, uuid4().hex],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + ENDS_LATE_BY_MAX_S,
    ).stdout
    seen = json.loads(next(line for line in said.splitlines() if line.startswith("RESULT ")).removeprefix("RESULT "))
    if seen["errors"] or not seen["requests"]:
        raise RuntimeError(f"{base_url}{path} did not answer as it should: {seen}")
    return Load(
        seen["requests"], seen["requests"] / seen["took_us"] * 1e6, seen["p50_us"] / 1000, seen["p99_us"] / 1000
    )
