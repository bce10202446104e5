"""A thread that wakes the event loop at the intended send times."""

import asyncio
import threading
import time
from collections.abc import Callable

from src.loadgen.options.schedule import Schedule

#: Requests due within this many seconds are sent together: 5,000 wake-ups per second are enough.
WAKE_GAP_S = 0.0002


class Pacer:
    """Wakes the event loop whenever requests are due.

    It uses a thread, because timers of event loops have a resolution of a millisecond: each request would be half of
    one late on average, and open loop counts that as latency.

    Args:
        schedule: the intended send times.
        started_s: the start of the schedule, by `clock`.
        wake: called in the event loop with the number of requests due so far.
    """

    def __init__(
        self,
        schedule: Schedule,
        started_s: float,
        wake: Callable[[int], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._schedule = schedule
        self._started_s = started_s
        self._wake = wake
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pacing", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        due = 0
        while due < self._schedule.count:
            wait_s = self._started_s + self._schedule.offset_s(due) - self._clock()
            if self._ended.wait(max(wait_s, WAKE_GAP_S)):
                return
            due = self._schedule.due(self._clock() - self._started_s, due)
            self._loop.call_soon_threadsafe(self._wake, due)
