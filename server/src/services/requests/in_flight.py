"""The sync requests that this process is generating."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

log = logging.getLogger(__name__)


class InFlight:
    """Tracks requests with waiting callers, so that their end is recorded before the database is closed.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._ids: set[UUID] = set()
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __contains__(self, request_id: UUID) -> bool:
        return request_id in self._ids

    @contextmanager
    def includes(self, request_id: UUID) -> Iterator[None]:
        """Track a request until its end has been recorded."""
        self._ids.add(request_id)
        self._is_empty.clear()
        try:
            yield
        finally:
            self._ids.discard(request_id)
            if not self._ids:
                self._is_empty.set()

    async def drain(self, within_s: float) -> None:
        """Wait until none is left, up to `within_s` seconds: a hanging database must not delay the shutdown."""
        try:
            async with asyncio.timeout(within_s):
                await self._is_empty.wait()
        except TimeoutError:
            log.warning("Stopping with %d sync requests whose end could not be recorded.", len(self._ids))
