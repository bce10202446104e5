"""Gives every account its first webhook secret, however it was made: over HTTP, by a command, by another release."""

import asyncio
from collections.abc import Awaitable, Callable

CREATED_TOGETHER_MAX = 100


class MissingSecrets:
    """Creates first secrets. Belongs to the server's loop; every server does it, and one of them creates each.

    Args:
        create: creates the secrets of up to so many accounts; returns whether there may be more.
    """

    def __init__(self, create: Callable[[int], Awaitable[bool]]) -> None:
        self._create = create
        self._wake = asyncio.Event()
        #: Looks for accounts without a secret.
        self.look = self._wake.set

    async def run(self) -> None:
        """Create what is missing, whenever there may be something.

        Raises:
            DatabaseAway: PostgreSQL does not respond; call again.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()  # before the look: what is announced during it is looked for again
            try:
                while await self._create(CREATED_TOGETHER_MAX):
                    pass
            except BaseException:
                self._wake.set()
                raise
