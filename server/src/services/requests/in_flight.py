"""The sync requests that this process is generating."""

import asyncio
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

log = logging.getLogger(__name__)


class InFlight:
    """Tracks requests with waiting callers, so that their end is recorded before the database is closed.

    Belongs to one event loop.
    """

    def __init__(self) -> None:
        self._cancelled: dict[UUID, asyncio.Event] = {}
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __contains__(self, request_id: UUID) -> bool:
        return request_id in self._cancelled

    @contextmanager
    def includes(self, request_id: UUID) -> Iterator[asyncio.Event]:
        """Count a request until its row says how it ended; the event is set when it is cancelled."""
        cancelled = self._cancelled[request_id] = asyncio.Event()
        self._is_empty.clear()
        try:
            yield cancelled
        finally:
            del self._cancelled[request_id]
            if not self._cancelled:
                self._is_empty.set()

    def cancel(self, request_ids: Collection[UUID]) -> None:
        """Say that requests were cancelled: their rows say so."""
        for request_id in request_ids:
            if cancelled := self._cancelled.get(request_id):
                cancelled.set()

    async def drain(self, within_s: float) -> None:
        """Wait until none is left, up to `within_s` seconds: a hanging database must not delay the shutdown."""
        try:
            async with asyncio.timeout(within_s):
                await self._is_empty.wait()
        except TimeoutError:
            log.warning("Stopping with %d sync requests whose end could not be recorded.", len(self._cancelled))
