"""How hard this program works itself: when it, and not the server, is the limit, the figures say so."""

import asyncio
import threading
import time
from typing import Any

from src.loadgen.histogram import LatencyHistogram

PROBE_EVERY_S = 0.02
CPU_PERCENT_MAX = 90.0
#: A lag of the event loop distorts a latency when it is more than this share of it, and more than this long.
LAG_SHARE_MEDIAN, LAG_MEDIAN_MS = 0.1, 0.5
LAG_SHARE_P99, LAG_P99_MS = 0.3, 2.0


class GeneratorMeter:
    """Measures, while requests are sent, the CPU this process uses and how late its event loop is."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lags = LatencyHistogram()
        self._cpu_s = 0.0
        self._wall_s = 0.0
        #: How late requests of an open loop were sent, but for those that a full number of connections held up.
        self.lateness = LatencyHistogram()
        #: Requests of an open loop that had to wait for a connection.
        self.held_up = 0
        self.sent = 0

    def measuring(self) -> "_Measuring":
        """Measure for the length of a `with` block."""
        return _Measuring(self, self._loop)

    def add(self, cpu_s: float, wall_s: float) -> None:
        """Count a stretch of time."""
        self._cpu_s += cpu_s
        self._wall_s += wall_s

    def lagged(self, asked_at_s: float) -> None:
        """The event loop got round to what it was asked then."""
        self._lags.record(time.perf_counter() - asked_at_s)

    @property
    def cpu_percent(self) -> float:
        """Of one core."""
        return 100 * self._cpu_s / self._wall_s if self._wall_s else 0.0

    def verdict(self, p50_ms: float | None, p99_ms: float | None) -> dict[str, Any]:
        """Say whether the figures are the server's.

        Args:
            p50_ms: the smallest median latency that was measured; None: none was.
            p99_ms: the smallest p99 likewise.
        """
        lag_p50_ms, lag_p99_ms = self._lags.percentiles_ms((50, 99))
        reasons = self._reasons(lag_p50_ms or 0.0, lag_p99_ms or 0.0, p50_ms, p99_ms)
        own = f"The generator used {self.cpu_percent:.0f} % of one core; its event loop lagged "
        own += f"{lag_p50_ms or 0:.2f} ms (median) and {lag_p99_ms or 0:.1f} ms (p99)."
        if reasons:
            sentence = f"The generator, not the server, was the limit: {'; '.join(reasons)}. {own}"
        else:
            sentence = f"The figures are the server's: the generator was not the limit. {own}"
        return {
            "cpu_percent": round(self.cpu_percent, 1),
            "limited": bool(reasons),
            "sentence": sentence,
            "lag_p50_ms": lag_p50_ms,
            "lag_p99_ms": lag_p99_ms,
            "late_p99_ms": self.lateness.percentiles_ms((99,))[0],
            "held_up": self.held_up,
        }

    def _reasons(self, lag_p50_ms: float, lag_p99_ms: float, p50_ms: float | None, p99_ms: float | None) -> list[str]:
        reasons = []
        if self.cpu_percent > CPU_PERCENT_MAX:
            reasons.append("it had no CPU left, so that a faster server would show the same figures")
        if p50_ms is not None and lag_p50_ms > max(LAG_MEDIAN_MS, LAG_SHARE_MEDIAN * p50_ms):
            reasons.append("its own delays are a good part of the median latency")
        if p99_ms is not None and lag_p99_ms > max(LAG_P99_MS, LAG_SHARE_P99 * p99_ms):
            reasons.append("its own delays are a good part of the p99 latency (is the machine busy?)")
        if self.held_up:
            reasons.append(
                f"{self.held_up:,} requests waited here for one of --connections, and their latency includes it"
            )
        return reasons


class _Measuring:
    """Asks the event loop now and then, from a thread, to say when it gets round to it."""

    def __init__(self, meter: GeneratorMeter, loop: asyncio.AbstractEventLoop) -> None:
        self._meter = meter
        self._loop = loop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._probe, name="lag", daemon=True)

    def __enter__(self) -> None:
        self._began = time.process_time(), time.perf_counter()
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        cpu_s, wall_s = self._began
        self._meter.add(time.process_time() - cpu_s, time.perf_counter() - wall_s)
        self._ended.set()
        self._thread.join()

    def _probe(self) -> None:
        while not self._ended.wait(PROBE_EVERY_S):
            self._loop.call_soon_threadsafe(self._meter.lagged, time.perf_counter())
