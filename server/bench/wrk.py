"""Load by wrk, a closed loop: each connection sends its next request after the response to the last."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

SCRIPT = Path(__file__).with_name("post.lua")
ENDS_LATE_BY_MAX_S = 20


@dataclass(frozen=True, slots=True)
class Load:
    """The result of wrk.

    Attributes:
        requests: answered.
        per_s: of them in a second.
        p50_ms: time to the answer that half of them did not exceed.
        p99_ms: that 99 of 100 did not exceed.
    """

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float


def post(base_url: str, path: str, body: object, *, connections: int, seconds: int, key: str | None = None) -> Load:
    """POST continuously, with a new idempotency key each time, and with an API key if there is one.

    Raises:
        RuntimeError: not every answer was a good one.
    """
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT)]
    said = subprocess.run(
        ["wrk", *options, base_url, "--", path, json.dumps(body), uuid4().hex, *([key] if key else [])],
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
