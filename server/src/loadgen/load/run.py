"""The run of one mode: check, warm up, send, wait for callbacks."""

import asyncio
import time
from typing import Any

from src.loadgen.callbacks.drain import CallbackDrain
from src.loadgen.callbacks.ledger import Ledger
from src.loadgen.callbacks.receiver import Receivers
from src.loadgen.figures.recorder import ROLLING_S, Recorder
from src.loadgen.http.client import HttpClient
from src.loadgen.http.connection import INTERRUPTED
from src.loadgen.load.loops import ClosedLoop, OpenLoop
from src.loadgen.load.meter import GeneratorMeter
from src.loadgen.load.modes import Mode, check_first
from src.loadgen.options.options import Options
from src.loadgen.options.schedule import schedule
from src.loadgen.stopping import GRACE_S, Stop

WARM_UP_CALLBACKS_WITHIN_S = 10.0


class ModeRun:
    """Runs one mode.

    Args:
        mode: the mode.
        options: the load.
        client: the client for the server.
        stop: signals an early stop.
        meter: measures the generator itself.
        receivers: receive the callbacks; None in sync mode.
    """

    def __init__(
        self,
        mode: Mode,
        options: Options,
        client: HttpClient,
        stop: Stop,
        meter: GeneratorMeter,
        receivers: Receivers | None,
    ) -> None:
        self.mode = mode
        self.phase = "warm-up"
        self.recorder = Recorder()
        self.receivers = receivers
        self._options = options
        self._client = client
        self._stop = stop
        self._meter = meter
        self.drain: CallbackDrain | None = None
        if receivers is not None:
            self.drain = CallbackDrain(client, receivers.ledger, stop, options.callback_timeout_s)

    async def check(self) -> None:
        """Send the first requests of the warm-up, and check that the server implements this API.

        Raises:
            CannotRun: it does not.
        """
        self._stop.listeners.append(self._client.abort)
        for request in self.mode.warm_up_requests():
            response = await self._client.exchange(request)
            if self._stop.requested.is_set():
                return
            check_first(self.mode, self._client, response)
            self.mode.judge(response, response.at_s, 0)
        self._stop.listeners.remove(self._client.abort)

    async def run(self) -> None:
        """Warm up, send, wait for callbacks, and read the final states."""
        await self._warm_up()
        self.phase = "sending"
        self.recorder = Recorder()
        with self._meter.measuring():
            await self._send_all()
        self.recorder.close()
        if self.drain is not None:
            self.phase = "waiting for callbacks"
            await self.drain.wait_for_callbacks()
            self.phase = "accounting"
            await self.drain.read_states()

    def snapshot(self) -> dict[str, Any]:
        """Return the current progress."""
        recorder, ledger = self.recorder, self.receivers.ledger if self.receivers else None
        now_s = time.perf_counter()
        return {
            "type": "progress",
            "mode": self.mode.name,
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
        first, *others = self.mode.warm_up_requests()

        async def send(began_s: float) -> None:
            response = await self._client.exchange(first)
            self.mode.judge(response, began_s, 0)

        more = max(0, options.warm_up - 1 - len(others))
        await self._until_stop(ClosedLoop(send, min(more, options.concurrency), more, None))
        if options.rate is None:
            await self._client.open(options.concurrency)
        if self.receivers is not None and self.drain is not None:
            await self.drain.drained_within(WARM_UP_CALLBACKS_WITHIN_S)
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
        request, receiver = self.mode.request()
        self.recorder.started()
        try:
            response = await self._client.exchange(request)
        except asyncio.CancelledError:
            self.recorder.finished(began_s, time.perf_counter(), INTERRUPTED)
            raise
        self.recorder.finished(began_s, response.at_s, self.mode.judge(response, began_s, receiver))

    async def _until_stop(self, loop: ClosedLoop | OpenLoop) -> None:
        """Run a loop to completion, or for a short grace period after a stop was requested."""
        running = asyncio.create_task(loop.run())
        wished = asyncio.create_task(self._stop.requested.wait())
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
    """Return the median time to callback over the last 5 s."""
    times_s = sorted(took_s for at_s, took_s in ledger.recent if now_s - at_s < ROLLING_S)
    return round(times_s[len(times_s) // 2] * 1e3, 3) if times_s else None
