"""The recorder of one mode: counts, failures by kind, latencies, and a timeline."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from src.loadgen.figures.histogram import DIGITS_COARSE, LatencyHistogram

TIMELINE_POINTS_MAX = 600
SLOT_S = 0.25
ROLLING_S = 5.0


def _coarse() -> LatencyHistogram:
    return LatencyHistogram(DIGITS_COARSE)


@dataclass
class Slot:
    """One slot of the timeline."""

    began_s: float
    ended_s: float = 0.0
    sent: int = 0
    done: int = 0
    failed: int = 0
    latencies: LatencyHistogram = field(default_factory=_coarse)

    def joined(self, later: "Slot") -> "Slot":
        """Merge with the following slot."""
        both = Slot(self.began_s, later.ended_s, self.sent + later.sent, self.done + later.done)
        both.failed = self.failed + later.failed
        both.latencies.add(self.latencies)
        both.latencies.add(later.latencies)
        return both


class Recorder:
    """Records the requests of one mode.

    Args:
        clock: a monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.started_s = clock()
        self.sent = 0
        self.successful = 0
        self.failures: Counter[str] = Counter()
        self.latencies = LatencyHistogram()
        #: Total time callers waited, in seconds, including failures.
        self.waited_s = 0.0
        self.last_result_s = self.started_s
        self._slot = Slot(self.started_s)
        self._slots: list[Slot] = []
        self._is_closed = False
        self._recent: deque[Slot] = deque(maxlen=round(ROLLING_S / SLOT_S))

    @property
    def failed(self) -> int:
        """Number of failures of any kind."""
        return self.failures.total()

    @property
    def done(self) -> int:
        """Number of requests that ended."""
        return self.successful + self.failed

    def started(self) -> None:
        """Record that a request is being sent."""
        self.sent += 1
        self._slot.sent += 1

    def finished(self, began_s: float, ended_s: float, failure: str | None) -> None:
        """Record the end of a request.

        Args:
            began_s: when it was sent or, in open loop, should have been sent.
            ended_s: when its response was complete, or it failed.
            failure: the kind of failure; None for a success. Failures are not part of any latency.
        """
        latency_s = ended_s - began_s
        self.waited_s += latency_s
        self.last_result_s = max(self.last_result_s, ended_s)
        self._slot.done += 1
        if failure is None:
            self.successful += 1
            self.latencies.record(latency_s)
            self._slot.latencies.record(latency_s)
        else:
            self.failures[failure] += 1
            self._slot.failed += 1

    def tick(self) -> None:
        """End the current slot of the timeline; merge pairs of slots if there are too many."""
        slot, self._slot = self._slot, Slot(self._clock())
        slot.ended_s = self._slot.began_s
        self._recent.append(slot)
        if not self._is_closed:
            self._slots.append(slot)
        if len(self._slots) >= TIMELINE_POINTS_MAX:
            pairs = zip(self._slots[::2], self._slots[1::2], strict=False)
            self._slots = [first.joined(second) for first, second in pairs] + self._slots[len(self._slots) // 2 * 2 :]

    def close(self) -> None:
        """End the timeline, as sending has ended."""
        self.tick()
        self._is_closed = True

    def rolling(self) -> dict[str, float | None]:
        """Return throughput and percentiles of the last 5 s."""
        joined = _coarse()
        for slot in self._recent:
            joined.add(slot.latencies)
        p50, p95, p99 = joined.percentiles_ms((50, 95, 99))
        span_s = self._recent[-1].ended_s - self._recent[0].began_s if self._recent else 0.0
        done = sum(slot.done for slot in self._recent)
        return {
            "throughput_per_s": round(done / span_s, 1) if span_s else None,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
        }

    def timeline(self) -> list[dict[str, Any]]:
        """Return the figures of each slot while requests were sent."""
        return [self._point(slot) for slot in self._slots]

    def _point(self, slot: Slot) -> dict[str, Any]:
        p50, p95, p99 = slot.latencies.percentiles_ms((50, 95, 99))
        return {
            "t_ms": round((slot.began_s - self.started_s) * 1e3, 1),
            "sent": slot.sent,
            "done": slot.done,
            "failed": slot.failed,
            "p50_ms": p50,
            "p95_ms": p95,
            "p99_ms": p99,
        }
