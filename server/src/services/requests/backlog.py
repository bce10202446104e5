"""How many async requests wait, in all and of each caller, so that there is a limit to both."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from src.services.requests.records import Waiting

#: Between two counts the number that wait is estimated from above.
COUNTED_EVERY_MAX_S = 2.0
COUNTED_EVERY_MIN_S = 0.1
#: Where the limit is reached a count is wanted often; it may take this share of the time.
COUNTING_SHARE_MAX = 0.1
#: Callers in memory before a count is wanted early, because it forgets those that have nothing waiting.
CALLERS_MAX = 20_000


class Verdict(Enum):
    """Whether one more may wait."""

    ADMITTED = auto()
    #: As many wait as may wait in all.
    QUEUE_FULL = auto()
    #: As many of this caller wait as may wait of one caller.
    CALLER_FULL = auto()


@dataclass(slots=True)
class _Tally:
    """Numbers by caller, and their sum."""

    total: int = 0
    by_caller: dict[str, int] = field(default_factory=dict)

    def add(self, caller: str) -> None:
        self.total += 1
        self.by_caller[caller] = self.by_caller.get(caller, 0) + 1

    def remove(self, caller: str) -> None:
        self.total -= 1
        self.by_caller[caller] -= 1
        if not self.by_caller[caller]:
            del self.by_caller[caller]

    def copy(self) -> "_Tally":
        return _Tally(self.total, dict(self.by_caller))


class Backlog:
    """Admits requests until as many wait as may wait; belongs to one event loop.

    Counting costs what waits, so it is done when a limit may be near, and every other second for the sake of
    other processes. In between, what was admitted is added and what was worked off is not subtracted: the
    estimate errs to the safe side.

    Args:
        count: counts what waits, up to a given number.
        pending_max: requests that may wait.
        pending_per_caller_max: requests of one caller that may wait.
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
        #: Admitted, and the last count may not have seen it.
        self._uncounted = _Tally()
        #: Admitted, and not known to be stored or refused: a count may or may not see it.
        self._in_flight = _Tally()
        #: What a count that is being made may not see.
        self._unseen: _Tally | None = None

    async def admit(self, caller: str) -> Verdict:
        """Make room for one more, or say why there is none; whoever is admitted is settled later.

        Raises:
            DatabaseAway: a count was needed.
        """
        if self._wants_a_count(caller):
            async with self._counting:
                if self._wants_a_count(caller):
                    await self._recount()
        verdict = self._verdict(caller)
        if verdict is Verdict.ADMITTED:
            for tally in self._tallies():
                tally.add(caller)
        return verdict

    def settle(self, caller: str, *, stored: bool) -> None:
        """Say that a request which was admitted has been stored, or may have been; or certainly has not."""
        for tally in (self._in_flight,) if stored else self._tallies():
            tally.remove(caller)

    def _tallies(self) -> tuple[_Tally, ...]:
        return (self._in_flight, self._uncounted, *([self._unseen] if self._unseen else []))

    def _verdict(self, caller: str) -> Verdict:
        if self._counted.total + self._uncounted.total >= self._pending_max:
            return Verdict.QUEUE_FULL
        of_caller = self._counted.by_caller.get(caller, self._counted.of_any_other_max)
        if of_caller + self._uncounted.by_caller.get(caller, 0) >= self._pending_per_caller_max:
            return Verdict.CALLER_FULL
        return Verdict.ADMITTED

    def _wants_a_count(self, caller: str) -> bool:
        if self._counted_at_s is None:
            return True
        urgent = self._verdict(caller) is not Verdict.ADMITTED or len(self._uncounted.by_caller) > CALLERS_MAX
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
