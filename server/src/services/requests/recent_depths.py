"""How much waited lately: counted periodically and kept in memory, for charts."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from src.errors import DatabaseAway

COUNTED_EVERY_S = 5.0
#: Fifteen minutes of them.
SAMPLES_MAX = 180


@dataclass(frozen=True, slots=True)
class Sample:
    """How many async requests waited for their report at a moment, and how many callbacks were owed."""

    at: datetime
    waiting: int
    callbacks_owed: int


class RecentDepths:
    """Keeps the newest counts; belongs to one event loop.

    Args:
        count: counts what waits and what is owed; costs that much, up to a limit.
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
        """The counts that are kept, oldest first; where the database was away there is none."""
        return tuple(self._samples)

    async def run(self) -> None:
        """Count, again and again."""
        while True:
            with suppress(DatabaseAway):  # a gap in a chart; health tells of it
                self._samples.append(Sample(self._now(), *await self._count()))
            await self._sleep(COUNTED_EVERY_S)
