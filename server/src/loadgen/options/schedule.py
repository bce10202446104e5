"""When requests are to be sent in open loop."""

import math
from dataclasses import dataclass

from src.loadgen.options.quantities import Rate


@dataclass(frozen=True)
class Schedule:
    """The moments of all requests of an open loop: a constant rate, or a ramp that is linear in time.

    Args:
        rate: requests a second at the beginning and at the end.
        ramp_s: how long the rate takes from the one to the other.
        count: how many requests there are.
    """

    rate: Rate
    ramp_s: float
    count: int

    def offset_s(self, number: int) -> float:
        """When a request (from 0) is to be sent, counted from the beginning.

        `number` requests are due after t when a·t + (b-a)·t²/(2·ramp_s) = number; this is the solution that
        stays exact when a = b.
        """
        if number == 0:
            return 0.0
        begin, end = self.rate
        growth = (end - begin) / self.ramp_s
        return 2 * number / (begin + math.sqrt(max(begin * begin + 2 * growth * number, 0.0)))

    def due(self, elapsed_s: float, already: int) -> int:
        """How many requests are due after so many seconds, if `already` were before."""
        number = already
        while number < self.count and self.offset_s(number) <= elapsed_s:
            number += 1
        return number


def schedule(rate: Rate, requests: int | None, duration_s: float | None) -> Schedule:
    """Lay out a run by its rate and what ends it: a number, a time, or whichever comes first.

    Args:
        rate: requests a second.
        requests: at most so many.
        duration_s: nothing is due after it; one of the two is given.
    """
    mean_per_s = (rate.from_per_s + rate.to_per_s) / 2
    ramp_s = duration_s if duration_s is not None else (requests or 1) / mean_per_s
    fits = max(1, math.floor(mean_per_s * ramp_s + 1e-9))
    return Schedule(rate, ramp_s, fits if requests is None else min(requests, fits))
