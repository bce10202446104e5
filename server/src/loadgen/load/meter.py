"""Self-measurement of the load generator, to detect when it, and not the server, is the bottleneck."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from src.loadgen.figures.histogram import LatencyHistogram

PROBE_INTERVAL_S = 0.02
#: Percent of one core: above this, CPU time plus time waiting for a CPU count as the bottleneck.
BUSY_PERCENT_MAX = 90.0
#: A delay of the generator distorts a latency if it exceeds both this share of it and this many ms.
DELAY_SHARE_P50, DELAY_P50_MS = 0.2, 0.1
DELAY_SHARE_P99, DELAY_P99_MS = 0.3, 2.0
#: A generator that keeps up with its rate sends no later than this, at the median.
LATE_MS_MAX = 2.0
#: Linux: nanoseconds the main thread spent on a CPU, and runnable but waiting for one.
SCHEDULER = Path("/proc/self/schedstat")


class Delay(NamedTuple):
    """The median and the p99 of a delay, in ms."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, histogram: LatencyHistogram) -> "Delay":
        """Take them from a histogram; 0 if it is empty."""
        p50_ms, p99_ms = histogram.percentiles_ms((50, 99))
        return cls(p50_ms or 0.0, p99_ms or 0.0)

    def distorts(self, latency: "Delay") -> tuple[bool, bool]:
        """Return whether it is a significant part of a latency's median, and of its p99."""
        return (
            self.p50_ms > max(DELAY_P50_MS, DELAY_SHARE_P50 * latency.p50_ms),
            self.p99_ms > max(DELAY_P99_MS, DELAY_SHARE_P99 * latency.p99_ms),
        )


class GeneratorMeter:
    """Measures this process's CPU usage and event loop lag while requests are sent."""

    def __init__(self) -> None:
        self._lags = LatencyHistogram()
        self._cpu_s = 0.0
        self._without_cpu_s = 0.0
        self._wall_s = 0.0
        #: How late requests of an open loop were sent, except those queued for a connection.
        self.lateness = LatencyHistogram()
        #: Number of requests queued for a connection.
        self.held_up = 0

    def measuring(self) -> "_Measuring":
        """Measure for the duration of a `with` block."""
        return _Measuring(self)

    def add(self, cpu_s: float, without_cpu_s: float, wall_s: float) -> None:
        """Add a measured interval.

        Args:
            cpu_s: CPU time of this process in seconds.
            without_cpu_s: seconds it was runnable but waiting for a CPU.
            wall_s: length of the interval in seconds.
        """
        self._cpu_s += cpu_s
        self._without_cpu_s += without_cpu_s
        self._wall_s += wall_s

    def lagged(self, seconds: float) -> None:
        """Record a lag of the event loop."""
        self._lags.record(seconds)

    def verdict(self, p50_ms: float | None, p99_ms: float | None, local_failures: int = 0) -> dict[str, Any]:
        """Judge whether the measurements reflect the server or the generator.

        Args:
            p50_ms: the smallest median latency measured; None if there is none.
            p99_ms: the smallest p99 measured; None if there is none.
            local_failures: requests that failed for lack of local resources.
        """
        lag, late = Delay.of(self._lags), Delay.of(self.lateness)
        limits, shares = self._limits(late, local_failures), []
        if p50_ms is not None and p99_ms is not None:
            shares = self._shares(lag, late, Delay(p50_ms, p99_ms))
        return {
            "cpu_percent": self._percent(self._cpu_s),
            "without_cpu_percent": self._percent(self._without_cpu_s),
            "limited": bool(limits or shares),
            "sentence": f"{_conclusion(limits, shares)} {self._own(lag, late)}",
            "lag_p50_ms": lag.p50_ms,
            "lag_p99_ms": lag.p99_ms,
            "late_p50_ms": late.p50_ms,
            "late_p99_ms": late.p99_ms,
            "held_up": self.held_up,
        }

    def _limits(self, late: Delay, local_failures: int) -> list[str]:
        """Return the reasons why a faster server would show the same figures."""
        limits = []
        if local_failures:
            limits.append(f"{local_failures:,} requests failed because it ran out of files, ports or memory")
        if self._percent(self._cpu_s + self._without_cpu_s) > BUSY_PERCENT_MAX:
            limits.append("it had no CPU to spare")
        if late.p50_ms > LATE_MS_MAX:
            limits.append("it could not keep up with the rate")
        return limits

    def _shares(self, lag: Delay, late: Delay, latency: Delay) -> list[str]:
        """Return the contributions of the generator to the figures."""
        shares = []
        if self.held_up:
            shares.append(f"{self.held_up:,} requests were queued for one of --connections, which counts as latency")
        (lag_p50, lag_p99), (late_p50, late_p99) = lag.distorts(latency), late.distorts(latency)
        if lag_p50 or late_p50:
            shares.append("delays of the generator are a significant part of the median latency")
        elif lag_p99 or late_p99:
            shares.append("delays of the generator are a significant part of the p99 (is the machine busy?)")
        return shares

    def _own(self, lag: Delay, late: Delay) -> str:
        own = f"The generator used {self._percent(self._cpu_s):.0f} % of one core"
        if (waited := self._percent(self._without_cpu_s)) >= 1:
            own += f" and waited {waited:.0f} % of the time for a core"
        own += f"; its event loop lagged {lag.p50_ms:.2f} ms (median) and {lag.p99_ms:.1f} ms (p99)"
        if self.lateness.count:
            own += f"; it sent {late.p50_ms:.2f} ms and {late.p99_ms:.1f} ms late"
        return f"{own}."

    def _percent(self, seconds: float) -> float:
        return round(100 * seconds / self._wall_s, 1) if self._wall_s else 0.0


def _conclusion(limits: list[str], shares: list[str]) -> str:
    if limits:
        return f"The generator, not the server, was the limit: {'; '.join([*limits, *shares])}."
    if shares:
        return f"The figures are not only the server's: {'; '.join(shares)}."
    return "The figures are the server's: the generator was not the limit."


class _Measuring:
    """Probes the lag of the event loop periodically, from a thread."""

    def __init__(self, meter: GeneratorMeter) -> None:
        self._meter = meter
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._probe, name="lag", daemon=True)

    def __enter__(self) -> None:
        self._began = _spent()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._meter.add(*(end - begin for end, begin in zip(_spent(), self._began, strict=True)))
        self._ended.set()
        self._thread.join()

    def _probe(self) -> None:
        """Probe at scheduled times: when this process is woken late, that is a lag, too."""
        scheduled_s = time.perf_counter() + PROBE_INTERVAL_S
        while not self._ended.wait(max(scheduled_s - time.perf_counter(), 0.0)):
            self._loop.call_soon_threadsafe(self._record, scheduled_s)
            scheduled_s = max(scheduled_s, time.perf_counter()) + PROBE_INTERVAL_S

    def _record(self, scheduled_s: float) -> None:
        self._meter.lagged(time.perf_counter() - scheduled_s)


def _spent() -> tuple[float, float, float]:
    """Return CPU time, time waiting for a CPU (0 where the system does not report it), and the clock, in seconds."""
    try:
        without_cpu_s = int(SCHEDULER.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        without_cpu_s = 0.0
    return time.process_time(), without_cpu_s, time.perf_counter()
