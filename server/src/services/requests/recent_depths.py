"""The recent depth of the queue: sampled periodically and kept in memory, for charts."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from src.errors import DatabaseAway

COUNTED_EVERY_S = 5.0
#: Fifteen minutes.
SAMPLES_MAX = 180


@dataclass(frozen=True, slots=True)
class Sample:
    """Numbers of waiting async requests and of undelivered callbacks at a moment."""

    at: datetime
    waiting: int
    callbacks_owed: int


class RecentDepths:
    """Keeps the latest samples. Belongs to one event loop.

    Args:
        count: counts waiting requests and undelivered callbacks; its cost grows with both, up to a limit.
        now: the time, aware UTC.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        count: Callable[[], Awaitable[tuple[int, int]]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._count = count
        self._now = now
        self._sleep = sleep
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)

    @property
    def samples(self) -> Sequence[Sample]:
        """The samples, oldest first; none were taken while the database was unavailable."""
        return tuple(self._samples)

    async def run(self) -> None:
        """Take a sample every `COUNTED_EVERY_S`."""
        while True:
            with suppress(DatabaseAway):  # leaves a gap in the chart; health reports the cause
                self._samples.append(Sample(self._now(), *await self._count()))
            await self._sleep(COUNTED_EVERY_S)
