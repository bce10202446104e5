"""The two ways to send: callers that wait for answers (closed loop), and moments that wait for nobody (open loop)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.pacing import Alarm
from src.loadgen.options.schedule import Schedule

#: Sends one request; what it is given is the moment from which its latency counts.
Send = Callable[[float], Awaitable[None]]


class ClosedLoop:
    """So many callers; each sends its next request when the one before it has come to an end.

    Args:
        send: sends one.
        callers: how many.
        requests: at most so many in all; None: until the time is over.
        duration_s: nothing is sent after it; None: until all are sent.
    """

    def __init__(
        self,
        send: Send,
        callers: int,
        requests: int | None,
        duration_s: float | None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._send = send
        self._callers = callers
        self._left = requests
        self._duration_s = duration_s
        self._clock = clock
        self._ends_s = float("inf")

    def stop(self) -> None:
        """Send no more."""
        self._left = 0

    async def run(self) -> None:
        """Send everything, and wait for the answers."""
        if self._duration_s is not None:
            self._ends_s = self._clock() + self._duration_s
        await asyncio.gather(*(self._call() for _ in range(self._callers)))

    async def _call(self) -> None:
        while self._may_send(now_s := self._clock()):
            await self._send(now_s)

    def _may_send(self, now_s: float) -> bool:
        if self._left == 0 or now_s >= self._ends_s:
            return False
        if self._left is not None:
            self._left -= 1
        return True


class OpenLoop:
    """Requests are sent at the moments of a schedule, whatever became of those before.

    Args:
        send: sends one.
        schedule: the moments.
        under_way_max: beyond so many, requests wait here; their latency counts from their moment all the same.
        meter: told how late requests were sent.
    """

    def __init__(
        self,
        send: Send,
        schedule: Schedule,
        under_way_max: int,
        meter: GeneratorMeter,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._send = send
        self._schedule = schedule
        self._under_way_max = under_way_max
        self._meter = meter
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._under_way: set[asyncio.Task[None]] = set()
        self._started_s = 0.0
        self._due = 0
        self._sent = 0
        self._held_up_to = 0
        self._broken: BaseException | None = None
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """Send no more."""
        self._ended.set()

    async def run(self) -> None:
        """Send everything, and wait for the answers."""
        self._started_s = self._clock()
        alarm = Alarm(self._schedule, self._started_s, self._wake, self._clock)
        alarm.start()
        try:
            await self._ended.wait()
            while self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            alarm.stop()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._broken is not None:
            raise self._broken

    def _wake(self, due: int) -> None:
        self._due = due
        self._send_due()

    def _send_due(self) -> None:
        while self._sent < self._due and not self._ended.is_set():
            if len(self._under_way) >= self._under_way_max:
                self._held_up_to = self._due
                return
            self._send_one(self._started_s + self._schedule.offset_s(self._sent))
        if self._sent == self._schedule.count:
            self._ended.set()

    def _send_one(self, moment_s: float) -> None:
        if self._sent < self._held_up_to:
            self._meter.held_up += 1
        else:
            self._meter.lateness.record(self._clock() - moment_s)
        self._sent += 1
        task = self._loop.create_task(self._sending(moment_s))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    async def _sending(self, moment_s: float) -> None:
        await self._send(moment_s)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._ended.set()
        self._send_due()
