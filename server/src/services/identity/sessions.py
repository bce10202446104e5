"""Streams that last: they end when the key they were opened with is refused."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from src.errors import DatabaseAway
from src.services.identity.caller import Caller

#: How often keys are judged again, seconds: they expire, and a server that hears of no change asks the database.
JUDGED_EVERY_S = 0.4


class Sessions:
    """Ends what was opened with a key that is no longer good. Belongs to the server's loop.

    Args:
        is_good: whether the key with an id is still good.
    """

    def __init__(self, is_good: Callable[[str], Awaitable[bool]]) -> None:
        self._is_good = is_good
        self._open: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._wake = asyncio.Event()

    async def until_refused(self, caller: Caller) -> None:
        """Wait until the key of a caller is refused; for ever without one."""
        refused = asyncio.get_running_loop().create_future()
        if caller.key_id is None:
            await refused
            return
        of_key = self._open[caller.key_id]
        of_key.add(refused)
        self._wake.set()
        try:
            await refused
        finally:
            of_key.discard(refused)

    def judge(self) -> None:
        """Judge all keys again, now: some have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Judge the keys of what is open, while something is."""
        timer: asyncio.TimerHandle | None = None
        while True:
            await self._wake.wait()
            self._wake.clear()
            if timer is not None:
                timer.cancel()
            for key_id in [key_id for key_id, waiting in self._open.items() if not waiting]:
                del self._open[key_id]
            for key_id, waiting in list(self._open.items()):
                if not await self._still_good(key_id):
                    for refused in waiting:
                        if not refused.done():
                            refused.set_result(None)
            if self._open:
                timer = asyncio.get_running_loop().call_later(JUDGED_EVERY_S, self._wake.set)

    async def _still_good(self, key_id: str) -> bool:
        try:
            return await self._is_good(key_id)
        except DatabaseAway:  # while nobody can say, it stays open
            return True
