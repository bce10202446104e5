"""One side of a run: warm up, send, wait for callbacks, settle the account."""

import asyncio
import time
from typing import Any

from src.loadgen.http_client import INTERRUPTED, HttpClient
from src.loadgen.ledger import Ledger
from src.loadgen.loops import ClosedLoop, OpenLoop
from src.loadgen.meter import GeneratorMeter
from src.loadgen.options import Options
from src.loadgen.pacing import schedule
from src.loadgen.receiver import Receivers
from src.loadgen.recorder import ROLLING_S, Recorder
from src.loadgen.sides import Side, check_first
from src.loadgen.states import READ_WITHIN_S, State, read_states
from src.loadgen.stopping import Stop

#: What is under way when somebody wishes to stop has this long to come to an end.
GRACE_S = 2.0
WARM_UP_CALLBACKS_WITHIN_S = 10.0
#: When no callback came for so long, the server is asked whether more are to be expected; then after twice as long.
QUIET_S = 1.0
QUIET_S_MAX = 8.0
#: How long it may take to tell.
TOLD_WITHIN_S = 5.0
ASKED_AT_ONCE = 200
#: After the last callback: whether one comes twice, and until the server has recorded the last answer.
SETTLE_S = 0.5
SETTLE_ROUNDS = 4
INTERRUPTED_READ_S = 5.0


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
        self.states: dict[str, State] = {}
        self._options = options
        self._client = client
        self._stop = stop
        self._meter = meter
        self._changed = asyncio.Event()
        stop.listeners.append(self._changed.set)
        if receivers is not None:
            receivers.ledger.changed = self._changed.set

    async def check(self) -> None:
        """Send the first requests of the warm-up, and see whether the other side speaks this API.

        Raises:
            CannotRun: it does not.
        """
        for request in self.side.warm_up_requests():
            answer = await self._client.exchange(request)
            check_first(self.side, self._client, answer)
            self.side.judge(answer, answer.at_s, 0)

    async def run(self) -> None:
        """Do the rest: warm up, send, wait, account."""
        await self._warm_up()
        self.phase = "sending"
        self.recorder = Recorder()
        with self._meter.measuring():
            await self._send_all()
        self.recorder.close()
        if self.receivers is not None:
            self.phase = "waiting for callbacks"
            await self._wait_for_callbacks(self.receivers)
            self.phase = "accounting"
            await self._account(self.receivers)

    @property
    def planned(self) -> int | None:
        """How many requests there will be; None: as many as there is time for."""
        options = self._options
        if options.rate is not None:
            return schedule(options.rate, options.requests, options.duration_s).count
        return options.requests if options.duration_s is None else None

    def snapshot(self) -> dict[str, Any]:
        """How it goes: one line of progress."""
        recorder, ledger = self.recorder, self.receivers.ledger if self.receivers else None
        now_s = time.perf_counter()
        return {
            "type": "progress",
            "mode": self.side.mode,
            "phase": self.phase,
            "elapsed_ms": round((now_s - recorder.started_s) * 1e3),
            "planned": self.planned,
            "sent": recorder.sent,
            "done": recorder.done,
            "successful": recorder.successful,
            "failed": recorder.failed,
            **recorder.rolling(),
            "callbacks_received": ledger.received if ledger else None,
            "p50_callback_ms": _median_ms([took for at, took in ledger.recent if now_s - at < ROLLING_S])
            if ledger
            else None,
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
        if self.receivers is not None:
            await self._end_warm_up(self.receivers)

    async def _end_warm_up(self, receivers: Receivers) -> None:
        ends_s = time.perf_counter() + WARM_UP_CALLBACKS_WITHIN_S
        while not receivers.ledger.is_settled and not self._stop.wished.is_set() and time.perf_counter() < ends_s:
            await self._change_within(ends_s - time.perf_counter())
        receivers.begin()

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

    async def _wait_for_callbacks(self, receivers: Receivers) -> None:
        """Until all came, the server says that no more will come, or none came for too long."""
        ledger, wished = receivers.ledger, self._stop.wished
        last_s, quiet_s = time.perf_counter(), QUIET_S
        while not ledger.is_settled and not wished.is_set():
            if await self._change_within(quiet_s):
                last_s, quiet_s = time.perf_counter(), QUIET_S
            elif time.perf_counter() - last_s >= self._options.callback_timeout_s:
                break
            else:
                await self._ask(ledger)
                quiet_s = min(2 * quiet_s, QUIET_S_MAX)
        if wished.is_set():
            await self._settled_within(ledger, GRACE_S)
        await asyncio.sleep(SETTLE_S)

    async def _ask(self, ledger: Ledger) -> None:
        """Let the server say which callbacks need not be waited for any longer."""
        states = await read_states(self._client, ledger.open[:ASKED_AT_ONCE], self._stop.wished.is_set, TOLD_WITHIN_S)
        for request_id in [one for one, state in states.items() if state.is_final]:
            ledger.settle(request_id)

    async def _settled_within(self, ledger: Ledger, seconds: float) -> None:
        ends_s = time.perf_counter() + seconds
        while not ledger.is_settled and (left_s := ends_s - time.perf_counter()) > 0:
            await self._change_within(left_s)

    async def _account(self, receivers: Receivers) -> None:
        """Read the state of every accepted request; again, when the last answer is still being recorded."""
        ledger, wished = receivers.ledger, self._stop.wished
        ids = [*ledger.accepted]
        for _ in range(SETTLE_ROUNDS):
            stopped = wished.is_set()
            within_s = INTERRUPTED_READ_S if stopped else READ_WITHIN_S
            self.states |= await read_states(self._client, ids, lambda: wished.is_set() and not stopped, within_s)  # noqa: B023  awaited here
            ids = [one for one in ids if one in ledger.settled and one in self.states and not self.states[one].is_final]
            if stopped or not ids:
                return
            await asyncio.sleep(SETTLE_S)

    async def _change_within(self, seconds: float) -> bool:
        """Wait for something new, or for the wish to stop; false when neither came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True


def _median_ms(times_s: list[float]) -> float | None:
    return round(sorted(times_s)[len(times_s) // 2] * 1e3, 3) if times_s else None
