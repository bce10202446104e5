"""Batches whose callback may be due, because an entry or its callback has ended."""

from collections.abc import Callable, Collection
from uuid import UUID

from src.services.requests.batch_callbacks import BatchCallbacks
from src.services.requests.records import LaneKey


class DueBatches:
    """Collects batches, and looks them up together. Belongs to the worker's event loop.

    Args:
        batches: the callbacks of batches; None: there are none.
        on_more: called when there is something to look up.
    """

    def __init__(self, batches: BatchCallbacks | None, on_more: Callable[[], None]) -> None:
        self._batches = batches
        self._on_more = on_more
        self._ids: set[UUID] = set()

    def add(self, batch_ids: Collection[UUID]) -> None:
        """Note that entries of batches, or their callbacks, have ended."""
        if batch_ids and self._batches is not None:
            self._ids.update(batch_ids)
            self._on_more()

    async def lanes(self) -> list[LaneKey]:
        """Return the lanes in which callbacks of these batches may be sent now.

        Raises:
            DatabaseAway: they could not be looked up, and will be the next time.
        """
        if self._batches is None or not self._ids:
            return []
        batch_ids = frozenset(self._ids)
        lanes = await self._batches.lanes_of(batch_ids)
        self._ids -= batch_ids
        return lanes
