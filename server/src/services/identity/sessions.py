"""Streams that last: they end when the key or token they were opened with is refused."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from src.errors import DatabaseAway
from src.services.identity.caller import Caller, Credential

#: How often credentials are judged again, seconds: they expire, and a server that hears of no change asks the database.
JUDGED_EVERY_S = 0.4


class Sessions:
    """Ends what was opened with a credential that is no longer good. Belongs to the server's loop.

    Args:
        is_good: whether a credential is still good.
    """

    def __init__(self, is_good: Callable[[Credential], Awaitable[bool]]) -> None:
        self._is_good = is_good
        self._open: defaultdict[Credential, set[asyncio.Future[None]]] = defaultdict(set)
        self._wake = asyncio.Event()

    async def until_refused(self, caller: Caller) -> None:
        """Wait until the credential of a caller is refused; for ever without one."""
        refused = asyncio.get_running_loop().create_future()
        credential = caller.credential
        if credential is None:
            await refused
            return
        with_it = self._open[credential]
        with_it.add(refused)
        self._wake.set()
        try:
            await refused
        finally:
            with_it.discard(refused)

    def judge(self) -> None:
        """Judge all credentials again, now: some have changed."""
        self._wake.set()

    async def run(self) -> None:
        """Judge the credentials of what is open, while something is."""
        timer: asyncio.TimerHandle | None = None
        while True:
            await self._wake.wait()
            self._wake.clear()
            if timer is not None:
                timer.cancel()
            for credential in [credential for credential, waiting in self._open.items() if not waiting]:
                del self._open[credential]
            for credential, waiting in list(self._open.items()):
                if not await self._still_good(credential):
                    for refused in waiting:
                        if not refused.done():
                            refused.set_result(None)
            if self._open:
                timer = asyncio.get_running_loop().call_later(JUDGED_EVERY_S, self._wake.set)

    async def _still_good(self, credential: Credential) -> bool:
        try:
            return await self._is_good(credential)
        except DatabaseAway:  # while nobody can say, it stays open
            return True
