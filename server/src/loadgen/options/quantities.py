"""Quantities on the command line: `30s`, `500ms`, `100:400`."""

import math
import re
from typing import NamedTuple

DURATION_S_MAX = 24 * 3600.0
RATE_PER_S_MAX = 100_000.0

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(us|ms|s|min|m|h|)", re.ASCII)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+", re.ASCII)


class Rate(NamedTuple):
    """Requests per second at the start and at the end of a run."""

    from_per_s: float
    to_per_s: float

    def __str__(self) -> str:
        if self.from_per_s == self.to_per_s:
            return f"{self.from_per_s:g}"
        return f"{self.from_per_s:g}:{self.to_per_s:g}"


def parse_duration(text: str) -> float:
    """Parse a duration such as `30s`, `500ms`, `2m` or `30` (seconds).

    Raises:
        ValueError: it is invalid, or not between 0 and 24 hours; the message is one sentence.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time; write 30s, 500ms or 2m")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0 < seconds <= DURATION_S_MAX:
        raise ValueError(f"{text!r} is not more than 0 and at most 24h")
    return seconds


def parse_rate(text: str) -> Rate:
    """Parse `100` (requests per second) or `50:500` (a ramp from 50 to 500).

    Raises:
        ValueError: it is neither; the message is one sentence.
    """
    parts = text.strip().split(":")
    if len(parts) > 2 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise ValueError(f"{text!r} is not a rate; write 100 (requests a second) or 50:500 (a ramp)")
    rates = [float(part) for part in parts]
    if not all(0 <= rate <= RATE_PER_S_MAX for rate in rates) or max(rates) == 0 or not math.isfinite(sum(rates)):
        raise ValueError(f"{text!r} is not more than 0 and at most {RATE_PER_S_MAX:,.0f} requests a second")
    return Rate(rates[0], rates[-1])
