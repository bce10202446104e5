"""Rate limits of attempts per receiver and per address, so that the service cannot be used to flood anyone.

Per address as well, because any number of names and ports may resolve to one machine.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from src.services.kit.sliding_window import SlidingWindow

RATE_OFF = "off"
_WINDOWS_S = {"second": 1.0, "minute": 60.0}
#: More than the receivers and addresses that can be attempted within a minute: no key that still counts is evicted.
KEYS_MAX = 1_000_000
#: Shorter sleeps are below the resolution of the event loop's clock.
SLEEP_MIN_S = 0.001


@dataclass(frozen=True, slots=True)
class Rate:
    """A maximum number of attempts in any sliding window of so many seconds."""

    attempts: int
    window_s: float


def parse_rate(text: str) -> Rate | None:
    """Parse `1000/second`, `60/minute` or `off` (None)."""
    if text == RATE_OFF:
        return None
    attempts, _, unit = text.partition("/")
    return Rate(int(attempts), _WINDOWS_S[unit])


def slower(rate: Rate | None, most: Rate) -> Rate:
    """Return the lower of two rates; None is no limit."""
    return most if rate is None or rate.attempts * most.window_s > most.attempts * rate.window_s else rate


class DeliveryPace:
    """Delays attempts to keep within the rate, without dropping or reordering them. Not thread-safe.

    It only stores the attempts of the last window, so its memory is bounded by the attempts in a window.

    Args:
        rate: limit per receiver and per address; None: no limit.
        now_s: seconds from any starting point, never going back.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        rate: Rate | None,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._now_s = now_s
        self._sleep = sleep
        #: Start times of recent attempts, by receiver and by address.
        self._begun = SlidingWindow(KEYS_MAX, now_s)
        #: Receivers whose next attempt is being delayed.
        self.delayed: set[str] = set()

    async def until_free(self, receiver: str, *addresses: str) -> None:
        """Wait until the rate permits another attempt to a receiver and to its addresses."""
        if self._wait_s({receiver, *addresses}) <= 0:
            return
        self.delayed.add(receiver)
        try:
            while (wait_s := self._wait_s({receiver, *addresses})) > 0:
                await self._sleep(max(wait_s, SLEEP_MIN_S))
        finally:
            self.delayed.discard(receiver)

    def take(self, receiver: str, address: str) -> bool:
        """Count an attempt that begins now; returns False if the rate no longer permits it."""
        if self._rate is None:
            return True
        keys = {receiver, address}
        if self._wait_s(keys) > 0:
            return False
        for key in keys:
            self._begun.add(key)
        self._begun.forget(self._rate.window_s)
        return True

    def _wait_s(self, keys: Collection[str]) -> float:
        if self._rate is None:
            return 0
        attempts, window_s = self._rate.attempts, self._rate.window_s
        first_s = -math.inf
        for key in keys:
            times_s = self._begun.recent(key, window_s)
            # At exactly the end of its window an attempt still counts but no longer blocks: there may be one more.
            if len(times_s) >= attempts:
                first_s = max(first_s, times_s[-attempts])
        return first_s + window_s - self._now_s()
