"""Limits on the number of waiting async requests, in total and per caller."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from src.services.requests.records import Waiting

#: Between two counts the number of waiting requests is overestimated.
COUNTED_EVERY_MAX_S = 2.0
COUNTED_EVERY_MIN_S = 0.1
#: At the limit, counts become frequent; they may take up to this share of the time.
COUNTING_SHARE_MAX = 0.1
#: Number of callers in memory that triggers an early count, which drops those with nothing waiting.
CALLERS_MAX = 20_000


class Verdict(Enum):
    """Whether another request may be accepted."""

    ADMITTED = auto()
    #: The total limit is reached.
    QUEUE_FULL = auto()
    #: The caller's limit is reached.
    CALLER_FULL = auto()


@dataclass(slots=True)
class _Tally:
    """Counts by caller, and their sum."""

    total: int = 0
    by_caller: dict[str, int] = field(default_factory=dict)

    def add(self, caller: str, number: int) -> None:
        self.total += number
        self.by_caller[caller] = self.by_caller.get(caller, 0) + number

    def remove(self, caller: str, number: int) -> None:
        self.total -= number
        self.by_caller[caller] -= number
        if not self.by_caller[caller]:
            del self.by_caller[caller]

    def copy(self) -> "_Tally":
        return _Tally(self.total, dict(self.by_caller))


class Backlog:
    """Admits requests while the number of waiting ones is below the limits. Belongs to one event loop.

    The cost of a count grows with the number of waiting requests, so they are counted when a limit may be near, and
    every other second because other processes accept as well. In between, admitted requests are added and finished
    ones are not subtracted: the estimate is never too low.

    Args:
        count: counts the waiting requests, up to a given number.
        pending_max: maximum number of waiting requests.
        pending_per_caller_max: maximum number of waiting requests per caller.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(
        self,
        count: Callable[[int], Awaitable[Waiting]],
        *,
        pending_max: int,
        pending_per_caller_max: int,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._pending_max = pending_max
        self._pending_per_caller_max = pending_per_caller_max
        self._now_s = now_s
        self._counted = Waiting(total=0, by_caller={}, of_any_other_max=0)
        self._counted_at_s: float | None = None
        self._count_took_s = 0.0
        self._counting = asyncio.Lock()
        #: Admitted requests that the last count may have missed.
        self._uncounted = _Tally()
        #: Admitted requests whose transaction has not ended: a count may or may not include them.
        self._in_flight = _Tally()
        #: Admitted requests that the current count may miss.
        self._unseen: _Tally | None = None

    async def admit(self, caller: str, number: int = 1, *, own_max: int | None = None) -> Verdict:
        """Reserve slots for a number of requests, which must be settled later, or return which limit is reached.

        Args:
            caller: the caller's name.
            number: how many requests.
            own_max: maximum number of waiting requests of this caller, instead of everybody's.

        Raises:
            DatabaseAway: a count was due, and failed.
        """
        caller_max = self._pending_per_caller_max if own_max is None else own_max
        if self._wants_a_count(caller, number, caller_max):
            async with self._counting:
                if self._wants_a_count(caller, number, caller_max):
                    await self._recount()
        verdict = self._verdict(caller, number, caller_max)
        if verdict is Verdict.ADMITTED:
            for tally in self._tallies():
                tally.add(caller, number)
        return verdict

    def settle(self, caller: str, number: int = 1, *, stored: bool) -> None:
        """Settle admitted requests; `stored` is False only if they have certainly not been stored."""
        for tally in (self._in_flight,) if stored else self._tallies():
            tally.remove(caller, number)

    def _tallies(self) -> tuple[_Tally, ...]:
        return (self._in_flight, self._uncounted, *([self._unseen] if self._unseen else []))

    def _verdict(self, caller: str, number: int, caller_max: int) -> Verdict:
        if self._counted.total + self._uncounted.total + number > self._pending_max:
            return Verdict.QUEUE_FULL
        of_caller = self._counted.by_caller.get(caller, self._counted.of_any_other_max)
        if of_caller + self._uncounted.by_caller.get(caller, 0) + number > caller_max:
            return Verdict.CALLER_FULL
        return Verdict.ADMITTED

    def _wants_a_count(self, caller: str, number: int, caller_max: int) -> bool:
        if self._counted_at_s is None:
            return True
        urgent = (
            self._verdict(caller, number, caller_max) is not Verdict.ADMITTED
            or len(self._uncounted.by_caller) > CALLERS_MAX
        )
        at_least_s = max(COUNTED_EVERY_MIN_S, self._count_took_s / COUNTING_SHARE_MAX)
        return self._now_s() - self._counted_at_s > (at_least_s if urgent else max(COUNTED_EVERY_MAX_S, at_least_s))

    async def _recount(self) -> None:
        started_s = self._now_s()
        self._unseen = self._in_flight.copy()
        try:
            self._counted = await self._count(self._pending_max)
            self._uncounted = self._unseen
        finally:
            self._unseen = None
        self._counted_at_s = self._now_s()
        self._count_took_s = self._counted_at_s - started_s
