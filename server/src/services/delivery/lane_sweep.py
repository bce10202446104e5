"""Sweeps the table for lanes with undelivered callbacks, with per-caller fairness."""

from collections.abc import Mapping
from typing import Protocol

from src.services.requests.records import OwedLane

#: Callers and lanes per step of the sweep; the next step continues behind them.
CALLERS_MAX = 200
LANES_MAX = 2_000
LANES_OF_ONE_MIN = 10


class Swept(Protocol):
    """A table of callbacks."""

    async def callers_owed(self, after: str, limit: int) -> list[str]:
        """Return callers with undelivered callbacks, in order, starting behind one."""

    async def lanes_owed(self, after: Mapping[str, tuple[str, str]], limit: int) -> list[OwedLane]:
        """Return lanes with undelivered callbacks, round robin between callers."""


class LaneSweep:
    """The sweep and its position: every caller is reached eventually, wherever it sorts.

    Args:
        store: the table.
    """

    def __init__(self, store: Swept) -> None:
        self._store = store
        self._last_caller = ""
        #: The last lane read, of callers with more lanes than one step reads.
        self._last_seen: dict[str, tuple[str, str]] = {}

    async def next_lanes(self) -> list[OwedLane]:
        """Return the next lanes with undelivered callbacks, round robin between callers."""
        callers = await self._store.callers_owed(self._last_caller, CALLERS_MAX)
        if not callers and self._last_caller:
            callers = await self._store.callers_owed("", CALLERS_MAX)
        self._last_caller = callers[-1] if len(callers) == CALLERS_MAX else ""
        if not callers:
            self._last_seen.clear()
            return []
        limit = max(LANES_MAX // len(callers), LANES_OF_ONE_MIN)
        found = await self._store.lanes_owed(
            {caller: self._last_seen.pop(caller, ("", "")) for caller in callers}, limit
        )
        seen: dict[str, list[tuple[str, str]]] = {}
        for owed in found:
            seen.setdefault(owed.key.caller, []).append((owed.key.receiver, owed.key.sequence))
        self._last_seen |= {caller: lanes[-1] for caller, lanes in seen.items() if len(lanes) == limit}
        return found
