"""What came of the requests of one side: counts, failures by kind, latencies, and how they went over time."""

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
    """What happened within a short time."""

    began_s: float
    ended_s: float = 0.0
    sent: int = 0
    done: int = 0
    failed: int = 0
    latencies: LatencyHistogram = field(default_factory=_coarse)

    def joined(self, later: "Slot") -> "Slot":
        """This one and the one after it, as one."""
        both = Slot(self.began_s, later.ended_s, self.sent + later.sent, self.done + later.done)
        both.failed = self.failed + later.failed
        both.latencies.add(self.latencies)
        both.latencies.add(later.latencies)
        return both


class Recorder:
    """Counts one side of a run.

    Args:
        clock: seconds, for what happened when.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.started_s = clock()
        self.sent = 0
        self.successful = 0
        self.failures: Counter[str] = Counter()
        self.latencies = LatencyHistogram()
        #: The sum of the time that callers waited, whatever came of it.
        self.waited_s = 0.0
        self.last_result_s = self.started_s
        self._slot = Slot(self.started_s)
        self._slots: list[Slot] = []
        self._is_closed = False
        self._recent: deque[Slot] = deque(maxlen=round(ROLLING_S / SLOT_S))

    @property
    def failed(self) -> int:
        """How many failed, of any kind."""
        return self.failures.total()

    @property
    def done(self) -> int:
        """How many came to an end."""
        return self.successful + self.failed

    def sending(self) -> None:
        """A request is sent."""
        self.sent += 1
        self._slot.sent += 1

    def settled(self, began_s: float, ended_s: float, failure: str | None) -> None:
        """A request came to its end.

        Args:
            began_s: when it was sent or, in open loop, should have been.
            ended_s: when its answer was complete, or it failed.
            failure: of which kind; None: it succeeded. Failures never enter a latency.
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
        """End the current slot of the timeline; when there are too many, two become one."""
        slot, self._slot = self._slot, Slot(self._clock())
        slot.ended_s = self._slot.began_s
        self._recent.append(slot)
        if not self._is_closed:
            self._slots.append(slot)
        if len(self._slots) >= TIMELINE_POINTS_MAX:
            pairs = zip(self._slots[::2], self._slots[1::2], strict=False)
            self._slots = [first.joined(second) for first, second in pairs] + self._slots[len(self._slots) // 2 * 2 :]

    def close(self) -> None:
        """Nothing more is sent: the timeline ends here."""
        self.tick()
        self._is_closed = True

    def rolling(self) -> dict[str, float | None]:
        """Throughput and percentiles of the last 5 s."""
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
        """What happened in each stretch of time while requests were sent."""
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
