"""The two load models: callers that wait for responses (closed loop), and a schedule that does not (open loop)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.pacing import Pacer
from src.loadgen.options.schedule import Schedule

#: Sends one request; the argument is the time from which its latency counts.
Send = Callable[[float], Awaitable[None]]


class ClosedLoop:
    """A fixed number of callers, each of which sends its next request when the previous one has ended.

    Args:
        send: sends one request.
        callers: number of concurrent callers.
        requests: maximum number of requests in total; None: limited by the duration only.
        duration_s: no request is sent after this; None: limited by the number of requests only.
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
        """Stop sending; requests in flight continue."""
        self._left = 0

    async def run(self) -> None:
        """Send all requests and wait for their responses."""
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
    """Sends requests on a schedule, regardless of earlier ones.

    Args:
        send: sends one request.
        schedule: the intended send times.
        in_flight_max: maximum requests in flight. Further ones are queued here, and their latency still counts from
            their intended send time.
        meter: records how late requests were sent.
    """

    def __init__(
        self,
        send: Send,
        schedule: Schedule,
        in_flight_max: int,
        meter: GeneratorMeter,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._send = send
        self._schedule = schedule
        self._in_flight_max = in_flight_max
        self._meter = meter
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._started_s = 0.0
        self._due = 0
        self._sent = 0
        self._held_up_to = 0
        self._broken: BaseException | None = None
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """Stop sending; requests in flight continue."""
        self._ended.set()

    async def run(self) -> None:
        """Send all requests and wait for their responses."""
        self._started_s = self._clock()
        pacer = Pacer(self._schedule, self._started_s, self._wake, self._clock)
        pacer.start()
        try:
            await self._ended.wait()
            while self._in_flight:
                await asyncio.wait(self._in_flight)
        finally:
            pacer.stop()
            for task in self._in_flight:
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)
        if self._broken is not None:
            raise self._broken

    def _wake(self, due: int) -> None:
        self._due = due
        self._send_due()

    def _send_due(self) -> None:
        while self._sent < self._due and not self._ended.is_set():
            if len(self._in_flight) >= self._in_flight_max:
                self._held_up_to = self._due
                return
            self._send_one(self._started_s + self._schedule.offset_s(self._sent))
        if self._sent == self._schedule.count:
            self._ended.set()

    def _send_one(self, intended_s: float) -> None:
        if self._sent < self._held_up_to:
            self._meter.held_up += 1
        else:
            self._meter.lateness.record(self._clock() - intended_s)
        self._sent += 1
        task = self._loop.create_task(self._send_at(intended_s))
        self._in_flight.add(task)
        task.add_done_callback(self._done)

    async def _send_at(self, intended_s: float) -> None:
        await self._send(intended_s)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
            self._ended.set()
        self._send_due()
