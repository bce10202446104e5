"""An HDR histogram of latencies: percentiles of any number of values in constant memory, accurate to 0.1 %."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from hdrh.histogram import HdrHistogram

LATENCY_US_MAX = 3_600_000_000
#: Significant digits: 0.1 % for results, 1 % for the many small histograms of a timeline.
DIGITS_FINE = 3
DIGITS_COARSE = 2
CURVE_POINTS_MAX = 120
BINS_MAX = 60
#: The logarithm of the ratio of a bin's edges: 2 %, well above the resolution of the histogram.
BIN_WIDTH_MIN = 0.02
#: Points of the curve from 50 to 75 %, from 75 to 87.5 %, and so on.
CURVE_POINTS_PER_HALF = 6


class LatencyHistogram:
    """A histogram of latencies. Minimum, mean and maximum are exact; percentiles have HDR's accuracy.

    Args:
        digits: significant decimal digits of a percentile.
    """

    def __init__(self, digits: int = DIGITS_FINE) -> None:
        self._hdr: Any = HdrHistogram(1, LATENCY_US_MAX, digits)
        self.count = 0
        self._sum_s = 0.0
        self._min_s = math.inf
        self._max_s = 0.0

    def record(self, latency_s: float) -> None:
        self._hdr.record_value(min(max(int(latency_s * 1e6 + 0.5), 1), LATENCY_US_MAX))
        self.count += 1
        self._sum_s += latency_s
        self._min_s = min(self._min_s, latency_s)
        self._max_s = max(self._max_s, latency_s)

    def add(self, other: "LatencyHistogram") -> None:
        """Add the values of another histogram of the same precision."""
        self._hdr.add(other._hdr)  # noqa: SLF001  of the same class
        self.count += other.count
        self._sum_s += other._sum_s  # noqa: SLF001
        self._min_s = min(self._min_s, other._min_s)  # noqa: SLF001
        self._max_s = max(self._max_s, other._max_s)  # noqa: SLF001

    @property
    def min_ms(self) -> float | None:
        """The minimum; None if empty."""
        return _ms(self._min_s) if self.count else None

    @property
    def avg_ms(self) -> float | None:
        """The mean; None if empty."""
        return _ms(self._sum_s / self.count) if self.count else None

    @property
    def max_ms(self) -> float | None:
        """The maximum; None if empty."""
        return _ms(self._max_s) if self.count else None

    def percentiles_ms(self, percentiles: Sequence[float]) -> list[float | None]:
        """Return percentiles in ms; None if the histogram is empty."""
        if not self.count:
            return [None] * len(percentiles)
        found = self._hdr.get_percentile_to_value_dict(list(percentiles))
        return [_ms(min(max(found[percentile] / 1e6, self._min_s), self._max_s)) for percentile in percentiles]

    def curve(self) -> list[list[float | None]]:
        """Return [percentile, latency in ms] pairs approaching 100 %, as far as the number of values resolves them."""
        if not self.count:
            return []
        steps = min(CURVE_POINTS_MAX - 2, math.ceil(math.log2(self.count + 1)) * CURVE_POINTS_PER_HALF)
        points = [100 * (1 - 2 ** (-step / CURVE_POINTS_PER_HALF)) for step in range(steps + 1)] + [100.0]
        values = self.percentiles_ms(points)
        return [[round(point, 5), value] for point, value in zip(points, values, strict=True)]

    def bins(self) -> list[list[float]]:
        """Return logarithmic bins as [from ms, to ms, count]."""
        if not self.count:
            return []
        low_us, high_us = max(self._min_s * 1e6, 1.0), max(self._max_s * 1e6, 1.0)
        width = math.log(high_us / low_us)
        number = min(max(int(width / BIN_WIDTH_MIN), 1), BINS_MAX)
        step = max(width / number, BIN_WIDTH_MIN)
        counts = [0] * number
        for value_us, count in self._recorded():
            index = int(math.log(max(value_us / low_us, 1.0)) / step)
            counts[min(index, number - 1)] += count
        edges_ms = [low_us * math.exp(step * index) / 1e3 for index in range(number + 1)]
        return [
            [round(begin, 6), round(end, 6), count]
            for begin, end, count in zip(edges_ms, edges_ms[1:], counts, strict=False)
        ]

    def stats(self) -> dict[str, Any]:
        """Return the figures shown in tables."""
        p50, p95, p99 = self.percentiles_ms((50, 95, 99))
        return {
            "min_ms": self.min_ms,
            "avg_ms": self.avg_ms,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
            "max_ms": self.max_ms,
            "count": self.count,
        }

    def _recorded(self) -> Iterator[tuple[int, int]]:
        """Yield each recorded value in us and its count."""
        for index, count in enumerate(self._hdr.counts):
            if count:
                yield self._hdr.get_value_from_index(index), count


def _ms(seconds: float) -> float:
    return round(seconds * 1e3, 3)
