"""When keys were last used, to the minute: noted in memory, written in batches, never in a call's transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

#: How often it is written, seconds.
WRITTEN_EVERY_S = 10.0


class LastUse:
    """Collects which keys are used. Belongs to the server's loop.

    Args:
        write: stores that keys were used at a time.
        now: the time, aware UTC.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        write: Callable[[Sequence[str], datetime], Awaitable[None]],
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._write = write
        self._now = now
        self._sleep = sleep
        self._used: set[str] = set()
        self._written: set[str] = set()
        self._minute: datetime | None = None
        #: Notes that the key with an id was used.
        self.note = self._used.add

    async def run(self) -> None:
        """Write what was used, each key once a minute.

        Raises:
            DatabaseAway: it could not be written; call again.
        """
        while True:
            await self._sleep(WRITTEN_EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what was used since the last time, unless it was written in this minute.

        Raises:
            DatabaseAway: it could not be written, and is kept.
        """
        minute = self._now().replace(second=0, microsecond=0)
        if minute != self._minute:
            self._minute = minute
            self._written.clear()
        used = self._used - self._written
        if used:
            await self._write(sorted(used), minute)
        self._written |= used
        self._used -= used | self._written
