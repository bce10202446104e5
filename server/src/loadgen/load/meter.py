"""How hard this program works itself: when it, and not the server, is the limit, the figures say so."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from src.loadgen.figures.histogram import LatencyHistogram

PROBE_EVERY_S = 0.02
#: Of one core: beyond this, the CPU used and the time spent waiting for it together are the limit.
BUSY_PERCENT_MAX = 90.0
#: A delay of our own distorts a latency when it is more than this share of it, and more than this long.
DELAY_SHARE_P50, DELAY_P50_MS = 0.2, 0.1
DELAY_SHARE_P99, DELAY_P99_MS = 0.3, 2.0
#: A generator that keeps its rate sends, at the median, no later than this.
LATE_MS_MAX = 2.0
#: Linux: nanoseconds that the main thread ran, and that it could have run but had no CPU.
SCHEDULER = Path("/proc/self/schedstat")


class Delay(NamedTuple):
    """The median and the p99 of something that took time, in ms."""

    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, histogram: LatencyHistogram) -> "Delay":
        """Of what a histogram counted; 0 when it counted nothing."""
        p50_ms, p99_ms = histogram.percentiles_ms((50, 99))
        return cls(p50_ms or 0.0, p99_ms or 0.0)

    def distorts(self, latency: "Delay") -> tuple[bool, bool]:
        """Whether it is a good part of a latency's median, and of its p99."""
        return (
            self.p50_ms > max(DELAY_P50_MS, DELAY_SHARE_P50 * latency.p50_ms),
            self.p99_ms > max(DELAY_P99_MS, DELAY_SHARE_P99 * latency.p99_ms),
        )


class GeneratorMeter:
    """Measures, while requests are sent, the CPU this process uses and how late its event loop is."""

    def __init__(self) -> None:
        self._lags = LatencyHistogram()
        self._cpu_s = 0.0
        self._without_cpu_s = 0.0
        self._wall_s = 0.0
        #: How late requests of an open loop were sent, but for those that had to wait for a connection.
        self.lateness = LatencyHistogram()
        #: Those that had to.
        self.held_up = 0

    def measuring(self) -> "_Measuring":
        """Measure for the length of a `with` block."""
        return _Measuring(self)

    def add(self, cpu_s: float, without_cpu_s: float, wall_s: float) -> None:
        """Count a stretch of time.

        Args:
            cpu_s: CPU time of this process within it.
            without_cpu_s: how long it could have run, but others did.
            wall_s: how long it was.
        """
        self._cpu_s += cpu_s
        self._without_cpu_s += without_cpu_s
        self._wall_s += wall_s

    def lagged(self, seconds: float) -> None:
        """The event loop came so late to something it was asked for."""
        self._lags.record(seconds)

    def verdict(self, p50_ms: float | None, p99_ms: float | None, local_failures: int = 0) -> dict[str, Any]:
        """Say whether the figures are the server's.

        Args:
            p50_ms: the smallest median latency that was measured; None: none was.
            p99_ms: the smallest p99 likewise.
            local_failures: requests for which this machine lacked something.
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
        """Why a faster server would show the same figures."""
        limits = []
        if local_failures:
            limits.append(f"{local_failures:,} requests failed for want of its own files, ports or memory")
        if self._percent(self._cpu_s + self._without_cpu_s) > BUSY_PERCENT_MAX:
            limits.append("it had no CPU to spare")
        if late.p50_ms > LATE_MS_MAX:
            limits.append("it could not keep the rate")
        return limits

    def _shares(self, lag: Delay, late: Delay, latency: Delay) -> list[str]:
        """What in the figures is not the server's."""
        shares = []
        if self.held_up:
            shares.append(f"{self.held_up:,} requests waited here for one of --connections, and it counts")
        (lag_p50, lag_p99), (late_p50, late_p99) = lag.distorts(latency), late.distorts(latency)
        if lag_p50 or late_p50:
            shares.append("the generator's own delays are a good part of the median latency")
        elif lag_p99 or late_p99:
            shares.append("the generator's own delays are a good part of the p99 (is the machine busy?)")
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
        return f"The figures are not the server's alone: {'; '.join(shares)}."
    return "The figures are the server's: the generator was not the limit."


class _Measuring:
    """Asks the event loop now and then, from a thread, to say when it gets round to it."""

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
        """Ask at moments fixed before: that this process is woken late is a delay, too."""
        moment_s = time.perf_counter() + PROBE_EVERY_S
        while not self._ended.wait(max(moment_s - time.perf_counter(), 0.0)):
            self._loop.call_soon_threadsafe(self._answer, moment_s)
            moment_s = max(moment_s, time.perf_counter()) + PROBE_EVERY_S

    def _answer(self, asked_at_s: float) -> None:
        self._meter.lagged(time.perf_counter() - asked_at_s)


def _spent() -> tuple[float, float, float]:
    """CPU time, time without a CPU, and the time itself; the second is 0 where the system does not tell."""
    try:
        without_cpu_s = int(SCHEDULER.read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        without_cpu_s = 0.0
    return time.process_time(), without_cpu_s, time.perf_counter()
