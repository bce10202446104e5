"""The schedule of requests in open loop."""

import math
from dataclasses import dataclass

from src.loadgen.options.quantities import Rate


@dataclass(frozen=True)
class Schedule:
    """The intended send times of an open loop: a constant rate, or a linear ramp.

    Args:
        rate: requests per second at the start and at the end.
        ramp_s: duration of the ramp, seconds.
        count: number of requests.
    """

    rate: Rate
    ramp_s: float
    count: int

    def offset_s(self, number: int) -> float:
        """Return the intended send time of a request (numbered from 0), in seconds from the start.

        `number` requests are due after t when a·t + (b-a)·t²/(2·ramp_s) = number; this form of the solution stays
        exact when a = b.
        """
        if number == 0:
            return 0.0
        begin, end = self.rate
        growth = (end - begin) / self.ramp_s
        return 2 * number / (begin + math.sqrt(max(begin * begin + 2 * growth * number, 0.0)))

    def due(self, elapsed_s: float, already: int) -> int:
        """Return the number of requests due after `elapsed_s`, of which `already` were due before."""
        number = already
        while number < self.count and self.offset_s(number) <= elapsed_s:
            number += 1
        return number


def schedule(rate: Rate, requests: int | None, duration_s: float | None) -> Schedule:
    """Build the schedule of a run that is limited by a number of requests, a duration, or both.

    Args:
        rate: requests per second.
        requests: maximum number of requests.
        duration_s: no request is due after this; at least one of the two limits must be given.
    """
    mean_per_s = (rate.from_per_s + rate.to_per_s) / 2
    ramp_s = duration_s if duration_s is not None else (requests or 1) / mean_per_s
    fits = max(1, math.floor(mean_per_s * ramp_s + 1e-9))
    return Schedule(rate, ramp_s, fits if requests is None else min(requests, fits))
