"""After sending: wait for the outstanding callbacks, and read the final state of every accepted request."""

import asyncio
import time

from src.loadgen.callbacks.ledger import Ledger
from src.loadgen.callbacks.states import READ_WITHIN_S, State, read_states
from src.loadgen.http.client import HttpClient
from src.loadgen.stopping import GRACE_S, Stop

#: Seconds without a callback after which the server is polled for final states; doubled each time.
QUIET_S = 1.0
QUIET_S_MAX = 8.0
POLLED_AT_ONCE = 200
POLL_TIMEOUT_S = 5.0
#: Seconds after the last callback, for duplicates to arrive and for the server to record the last response.
SETTLE_S = 0.5
SETTLE_ROUNDS = 4
#: Seconds for reading states after a stop was requested.
INTERRUPTED_READ_S = 5.0


class CallbackDrain:
    """Waits for the callbacks of the accepted requests.

    Args:
        client: the client for the server.
        ledger: the accepted requests and the callbacks.
        stop: signals an early stop.
        patience_s: seconds without a callback after which the rest counts as missing.
    """

    def __init__(self, client: HttpClient, ledger: Ledger, stop: Stop, patience_s: float) -> None:
        #: The final states of the accepted requests, as far as they could be read.
        self.states: dict[str, State] = {}
        self._client = client
        self._ledger = ledger
        self._stop_requested = stop.requested
        self._patience_s = patience_s
        self._changed = asyncio.Event()
        ledger.changed = self._changed.set
        stop.listeners.append(self._changed.set)

    async def wait_for_callbacks(self) -> None:
        """Wait until all arrived, the server reports that no more will come, or none came for too long."""
        last_s, quiet_s = time.perf_counter(), QUIET_S
        while not self._ledger.is_complete and not self._stop_requested.is_set():
            if await self._change_within(quiet_s):
                last_s, quiet_s = time.perf_counter(), QUIET_S
            elif time.perf_counter() - last_s >= self._patience_s:
                break
            else:
                await self._poll()
                quiet_s = min(2 * quiet_s, QUIET_S_MAX)
        if self._stop_requested.is_set():
            await self.drained_within(GRACE_S)
        await asyncio.sleep(SETTLE_S)

    async def drained_within(self, seconds: float) -> None:
        """Wait until no callback is outstanding, the timeout passes, or a stop is requested."""
        ends_s, was_requested = time.perf_counter() + seconds, self._stop_requested.is_set()
        while not self._ledger.is_complete and (left_s := ends_s - time.perf_counter()) > 0:
            await self._change_within(left_s)
            if self._stop_requested.is_set() and not was_requested:
                return

    async def read_states(self) -> None:
        """Read the state of every accepted request; repeat it where the last response is still being recorded."""
        ids = [*self._ledger.accepted]
        for _ in range(SETTLE_ROUNDS):
            stopped = self._stop_requested.is_set()
            self.states |= await self._read(ids, INTERRUPTED_READ_S if stopped else READ_WITHIN_S, hurried=stopped)
            ids = [request_id for request_id in ids if request_id in self._ledger.closed and self._is_open(request_id)]
            if stopped or not ids:
                return
            await asyncio.sleep(SETTLE_S)

    async def _poll(self) -> None:
        """Ask the server which callbacks will not arrive any more."""
        states = await self._read(self._ledger.open[:POLLED_AT_ONCE], POLL_TIMEOUT_S)
        for request_id, state in states.items():
            if state.is_final:
                self._ledger.close(request_id)

    async def _read(self, ids: list[str], within_s: float, *, hurried: bool = False) -> dict[str, State]:
        """Read states until a stop is requested; `hurried`: it has been requested already."""
        return await read_states(self._client, ids, lambda: self._stop_requested.is_set() and not hurried, within_s)

    def _is_open(self, request_id: str) -> bool:
        state = self.states.get(request_id)
        return state is not None and not state.is_final

    async def _change_within(self, seconds: float) -> bool:
        """Wait for a change or a stop request; returns False on timeout."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True
