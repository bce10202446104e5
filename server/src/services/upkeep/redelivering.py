"""Advances bulk redeliveries at a limited rate, whoever started them, and after every restart."""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.services.requests.records import LaneKey
from src.services.requests.redeliveries import Due, RedeliveryStore

#: Those that other servers started, or a server that died, are found within this time.
LOOKED_FOR_EVERY_S = 5.0
#: A batch is what the rate lets through in this time, and one callback at least.
BATCH_EVERY_S = 0.5
#: Where nothing matches, the next window of positions is looked at after this time: others need the database as well.
WINDOW_EVERY_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliveryRates:
    """How many callbacks an account may have queued again, each second."""

    #: Of an account with a name, and of the one without, which everybody shares in the open mode.
    named: float
    unnamed: float

    def of(self, account: str | None) -> float:
        """Return the rate of an account."""
        return self.unnamed if account is None else self.named


class Redelivering:
    """Queues callbacks again, in queue order, batch by batch. Belongs to the server's event loop.

    Args:
        store: the table.
        rates: how fast.
        redeliver: told of every lane that the table holds something for again.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        store: RedeliveryStore,
        rates: RedeliveryRates,
        redeliver: Callable[[LaneKey], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._rates = rates
        self._redeliver = redeliver
        self._now = now
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that one was started."""
        self._wake.set()

    async def run(self) -> None:
        """Advance all that are under way, each when it is due."""
        while True:
            self._wake.clear()
            await self._store.settle(self._now())
            waits_s = [await self._advance(due) for due in await self._store.running()]
            with suppress(TimeoutError):
                async with asyncio.timeout(min(waits_s, default=LOOKED_FOR_EVERY_S)):
                    await self._wake.wait()

    async def _advance(self, due: Due) -> float:
        """Take one step if it is due; returns after how many seconds to look again."""
        if due.due_in_s > 0:
            return min(due.due_in_s, LOOKED_FOR_EVERY_S)
        rate = self._rates.of(due.account)
        batch = max(1, math.floor(rate * BATCH_EVERY_S))
        every_s = batch / rate
        step = await self._store.advance(due.id, batch=batch, every=timedelta(seconds=every_s), now=self._now())
        for lane in step.lanes if step else ():
            self._redeliver(lane)
        if step is None or not step.running:
            return LOOKED_FOR_EVERY_S
        return min(every_s, LOOKED_FOR_EVERY_S) if step.found else WINDOW_EVERY_S
