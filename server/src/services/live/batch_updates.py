"""Publishes how batches stand, while anybody watches: at most so often, however fast their requests change."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any
from uuid import UUID

from src.services.identity.caller import EVERYTHING, View
from src.services.live.frames import Event
from src.services.requests.batches import BatchState

TOLD_EVERY_S = 0.5
#: Batches read and told together; the others come next.
TOLD_TOGETHER_MAX = 20
#: Changed batches remembered; if more are waiting, watchers read again instead.
CHANGED_MAX = 1_000

Read = Callable[[View, Sequence[UUID]], Awaitable[Sequence[BatchState]]]
Publish = Callable[[str | None, Event], None]


class BatchUpdates:
    """Collects changed batches, and publishes their states. Belongs to the server's loop.

    Args:
        read: reads batches by their ids.
        watched: returns whether anybody watches.
        publish: publishes an event of an account to those who see it.
        show: serializes a batch.
        tell_of_a_gap: tells every watcher to read again.
        pause: waits for a number of seconds.
    """

    def __init__(
        self,
        read: Read,
        watched: Callable[[], bool],
        publish: Publish,
        show: Callable[[BatchState], Any],
        tell_of_a_gap: Callable[[], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._read = read
        self._watched = watched
        self._publish = publish
        self._show = show
        self._tell_of_a_gap = tell_of_a_gap
        self._pause = pause
        self._changed: dict[UUID, None] = {}
        self._wake = asyncio.Event()

    def tell(self, batch_ids: Collection[UUID]) -> None:
        """Record that batches, or their entries, changed."""
        if batch_ids and self._watched():
            self._changed.update(dict.fromkeys(batch_ids))
            if len(self._changed) > CHANGED_MAX:
                self._changed.clear()
                self._tell_of_a_gap()
            self._wake.set()

    async def run(self) -> None:
        """Publish changed batches every `TOLD_EVERY_S`, while there are any.

        Raises:
            DatabaseAway: they could not be read; call again.
        """
        while True:
            await self._wake.wait()
            for state in await self._next():
                self._publish(state.row.account, Event("batch.updated", self._show(state)))
            await self._pause(TOLD_EVERY_S)

    async def _next(self) -> Sequence[BatchState]:
        """Read some of the changed batches; what changes meanwhile is read again."""
        batch_ids = list(self._changed)[:TOLD_TOGETHER_MAX]
        for batch_id in batch_ids:
            del self._changed[batch_id]
        if not self._changed:
            self._wake.clear()
        try:
            return await self._read(EVERYTHING, batch_ids) if batch_ids else ()
        except BaseException:
            self._changed.update(dict.fromkeys(batch_ids))
            self._wake.set()
            raise
