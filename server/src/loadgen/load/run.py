"""One side of a run: check, warm up, send, settle."""

import asyncio
import time
from typing import Any

from src.loadgen.callbacks.ledger import Ledger
from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.callbacks.settlement import Settlement
from src.loadgen.figures.recorder import ROLLING_S, Recorder
from src.loadgen.http.client import HttpClient
from src.loadgen.http.connection import INTERRUPTED
from src.loadgen.load.loops import ClosedLoop, OpenLoop
from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.modes import Side, check_first
from src.loadgen.options.options import Options
from src.loadgen.options.schedule import schedule
from src.loadgen.stopping import GRACE_S, Stop

WARM_UP_CALLBACKS_WITHIN_S = 10.0


class SideRun:
    """Runs one side.

    Args:
        side: what is sent.
        options: how much of it, and how.
        client: to the server.
        stop: says when to stop early.
        meter: watches this program itself.
        receivers: where callbacks come; None in sync mode.
    """

    def __init__(
        self,
        side: Side,
        options: Options,
        client: HttpClient,
        stop: Stop,
        meter: GeneratorMeter,
        receivers: Receivers | None,
    ) -> None:
        self.side = side
        self.phase = "warm-up"
        self.recorder = Recorder()
        self.receivers = receivers
        self._options = options
        self._client = client
        self._stop = stop
        self._meter = meter
        self.settlement: Settlement | None = None
        if receivers is not None:
            self.settlement = Settlement(client, receivers.ledger, stop, options.callback_timeout_s)

    async def check(self) -> None:
        """Send the first requests of the warm-up, and see whether the other side speaks this API.

        Raises:
            CannotRun: it does not.
        """
        self._stop.listeners.append(self._client.abort)
        for request in self.side.warm_up_requests():
            answer = await self._client.exchange(request)
            if self._stop.wished.is_set():
                return
            check_first(self.side, self._client, answer)
            self.side.judge(answer, answer.at_s, 0)
        self._stop.listeners.remove(self._client.abort)

    async def run(self) -> None:
        """Do the rest: warm up, send, wait, account."""
        await self._warm_up()
        self.phase = "sending"
        self.recorder = Recorder()
        with self._meter.measuring():
            await self._send_all()
        self.recorder.close()
        if self.settlement is not None:
            self.phase = "waiting for callbacks"
            await self.settlement.wait_for_callbacks()
            self.phase = "accounting"
            await self.settlement.read_states()

    def snapshot(self) -> dict[str, Any]:
        """How it goes: one line of progress."""
        recorder, ledger = self.recorder, self.receivers.ledger if self.receivers else None
        now_s = time.perf_counter()
        return {
            "type": "progress",
            "mode": self.side.mode,
            "phase": self.phase,
            "elapsed_ms": round((now_s - recorder.started_s) * 1e3),
            "planned": self._options.requests,
            "sent": recorder.sent,
            "done": recorder.done,
            "successful": recorder.successful,
            "failed": recorder.failed,
            **recorder.rolling(),
            "callbacks_received": ledger.received if ledger else None,
            "p50_callback_ms": _median_ms(ledger, now_s) if ledger else None,
        }

    async def _warm_up(self) -> None:
        options = self._options
        first, *others = self.side.warm_up_requests()

        async def send(began_s: float) -> None:
            answer = await self._client.exchange(first)
            self.side.judge(answer, began_s, 0)

        more = max(0, options.warm_up - 1 - len(others))
        await self._until_stop(ClosedLoop(send, min(more, options.concurrency), more, None))
        if options.rate is None:
            await self._client.open(options.concurrency)
        if self.receivers is not None and self.settlement is not None:
            await self.settlement.settled_within(WARM_UP_CALLBACKS_WITHIN_S)
            self.receivers.begin()

    async def _send_all(self) -> None:
        options = self._options
        if options.rate is None:
            loop: ClosedLoop | OpenLoop = ClosedLoop(
                self._send, options.concurrency, options.requests, options.duration_s
            )
        else:
            moments = schedule(options.rate, options.requests, options.duration_s)
            loop = OpenLoop(self._send, moments, options.connections_max, self._meter)
        await self._until_stop(loop)

    async def _send(self, began_s: float) -> None:
        request, receiver = self.side.request()
        self.recorder.sending()
        try:
            answer = await self._client.exchange(request)
        except asyncio.CancelledError:
            self.recorder.settled(began_s, time.perf_counter(), INTERRUPTED)
            raise
        self.recorder.settled(began_s, answer.at_s, self.side.judge(answer, began_s, receiver))

    async def _until_stop(self, loop: ClosedLoop | OpenLoop) -> None:
        """Let a loop run to its end, or, when somebody wishes to stop, for a short grace."""
        running = asyncio.create_task(loop.run())
        wished = asyncio.create_task(self._stop.wished.wait())
        try:
            await asyncio.wait({running, wished}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                loop.stop()
                await asyncio.wait({running}, timeout=GRACE_S)
        finally:
            wished.cancel()
            running.cancel()
            await asyncio.wait({running})
        if not running.cancelled():
            running.result()


def _median_ms(ledger: Ledger, now_s: float) -> float | None:
    """The median time to callback of the last 5 s."""
    times_s = sorted(took_s for at_s, took_s in ledger.recent if now_s - at_s < ROLLING_S)
    return round(times_s[len(times_s) // 2] * 1e3, 3) if times_s else None
