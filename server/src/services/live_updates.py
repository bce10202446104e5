"""From news of commits to events: reads what changed, once for all who watch, and publishes it."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from src.services.change_feed import Changes
from src.services.event_bus import RESYNC, Event, EventBus
from src.services.request_reader import RequestReader

#: More changes than this in one batch are not told one by one.
CHANGES_TOLD_MAX = 400
QUEUE_TOLD_EVERY_S = 0.25

Show = Callable[[Row[Any]], Any]


class LiveUpdates:
    """Publishes events on the bus. Belongs to the server's loop; costs nothing while nobody watches.

    Args:
        reader: reads what changed.
        bus: where events go.
        busy_with: the request that is being processed in this process, if any.
        show_request: a row of requests, as the wire shows it.
        show_attempt: a row of the callback log, as the wire shows it.
    """

    def __init__(
        self,
        reader: RequestReader,
        bus: EventBus,
        *,
        busy_with: Callable[[], UUID | None],
        show_request: Show,
        show_attempt: Show,
    ) -> None:
        self._reader = reader
        self._bus = bus
        self._busy_with = busy_with
        self._show_request = show_request
        self._show_attempt = show_attempt
        self._queue_changed = asyncio.Event()

    async def tell(self, changes: Changes) -> None:
        """Publish what changed."""
        if not self._bus.watched:
            return
        self._queue_changed.set()
        if len(changes.updated) + len(changes.attempts) > CHANGES_TOLD_MAX:
            self._bus.publish(RESYNC)
            return
        if changes.deleted:
            self._bus.publish(Event("request.deleted", {"ids": [str(one) for one in changes.deleted]}))
        for row in await self._reader.attempts(list(changes.attempts)):
            self._bus.publish(Event("callback.attempted", self._show_attempt(row)))
        for row in await self._reader.by_ids(list(changes.updated)):
            self._bus.publish(Event("request.updated", self._show_request(row)))

    def tell_of_a_gap(self) -> None:
        """Publish that something may have been missed."""
        self._bus.publish(RESYNC)

    async def tell_of_the_queue(self) -> None:
        """Publish how long the queue is, when it changed, but not more often than four times a second."""
        while True:
            await self._queue_changed.wait()
            self._queue_changed.clear()
            busy_with = self._busy_with()
            data = {
                "waiting": await self._reader.count_waiting(),
                "processing_request_id": None if busy_with is None else str(busy_with),
            }
            self._bus.publish(Event("queue.changed", data))
            await asyncio.sleep(QUEUE_TOLD_EVERY_S)
