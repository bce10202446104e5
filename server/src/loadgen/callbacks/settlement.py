"""After sending: wait for the callbacks that are owed, and read what became of every accepted request."""

import asyncio
import time

from src.loadgen.callbacks.ledger import Ledger
from src.loadgen.callbacks.states import READ_WITHIN_S, State, read_states
from src.loadgen.http.client import HttpClient
from src.loadgen.stopping import GRACE_S, Stop

#: When no callback came for so long, the server is asked whether more will come; then after twice as long.
QUIET_S = 1.0
QUIET_S_MAX = 8.0
ASKED_AT_ONCE = 200
TOLD_WITHIN_S = 5.0
#: After the last callback: for one that comes twice, and for the server to record the last answer.
SETTLE_S = 0.5
SETTLE_ROUNDS = 4
#: When somebody wishes to stop, the states are read for no longer than this.
INTERRUPTED_READ_S = 5.0


class Settlement:
    """Settles what a run has accepted.

    Args:
        client: to the server.
        ledger: what was accepted and what came back.
        stop: says when to stop early.
        patience_s: how long nothing may come before the rest counts as missing.
    """

    def __init__(self, client: HttpClient, ledger: Ledger, stop: Stop, patience_s: float) -> None:
        #: What the server says of the accepted requests, as far as it could be read.
        self.states: dict[str, State] = {}
        self._client = client
        self._ledger = ledger
        self._wished = stop.wished
        self._patience_s = patience_s
        self._changed = asyncio.Event()
        ledger.changed = self._changed.set
        stop.listeners.append(self._changed.set)

    async def wait_for_callbacks(self) -> None:
        """Until all came, the server says that no more will come, or none came for too long."""
        last_s, quiet_s = time.perf_counter(), QUIET_S
        while not self._ledger.is_settled and not self._wished.is_set():
            if await self._change_within(quiet_s):
                last_s, quiet_s = time.perf_counter(), QUIET_S
            elif time.perf_counter() - last_s >= self._patience_s:
                break
            else:
                await self._ask()
                quiet_s = min(2 * quiet_s, QUIET_S_MAX)
        if self._wished.is_set():
            await self.settled_within(GRACE_S)
        await asyncio.sleep(SETTLE_S)

    async def settled_within(self, seconds: float) -> None:
        """Wait until nothing is owed any more, for so long, or until the wish to stop comes."""
        ends_s, was_wished = time.perf_counter() + seconds, self._wished.is_set()
        while not self._ledger.is_settled and (left_s := ends_s - time.perf_counter()) > 0:
            await self._change_within(left_s)
            if self._wished.is_set() and not was_wished:
                return

    async def read_states(self) -> None:
        """Read the state of every accepted request; again, where the last answer is still being recorded."""
        ids = [*self._ledger.accepted]
        for _ in range(SETTLE_ROUNDS):
            stopped = self._wished.is_set()
            self.states |= await self._read(ids, INTERRUPTED_READ_S if stopped else READ_WITHIN_S, hurried=stopped)
            ids = [one for one in ids if one in self._ledger.settled and self._is_open(one)]
            if stopped or not ids:
                return
            await asyncio.sleep(SETTLE_S)

    async def _ask(self) -> None:
        """Let the server say which callbacks need not be waited for any longer."""
        states = await self._read(self._ledger.open[:ASKED_AT_ONCE], TOLD_WITHIN_S)
        for request_id in [one for one, state in states.items() if state.is_final]:
            self._ledger.settle(request_id)

    async def _read(self, ids: list[str], within_s: float, *, hurried: bool = False) -> dict[str, State]:
        """Read states, until the wish to stop comes; `hurried`: it has come already."""
        return await read_states(self._client, ids, lambda: self._wished.is_set() and not hurried, within_s)

    def _is_open(self, request_id: str) -> bool:
        state = self.states.get(request_id)
        return state is not None and not state.is_final

    async def _change_within(self, seconds: float) -> bool:
        """Wait for something new, or for the wish to stop; false when neither came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        self._changed.clear()
        return True
