"""The undelivered callbacks of requests and of batches, in one place for the lanes."""

from collections.abc import Callable, Collection, Sequence
from uuid import UUID

from src.services.requests.batch_callbacks import BatchCallbacks
from src.services.requests.records import OF_BATCHES, Attempt, LaneKey, OwedCallback
from src.services.requests.store import RequestStore


class CallbackTable:
    """Reads and records callbacks, each in the table that holds it.

    Args:
        store: the callbacks of requests.
        batches: those of batches; None: there are none.
        on_entries: called with batches of which an entry's callback has ended, after that was recorded.
    """

    def __init__(
        self, store: RequestStore, batches: BatchCallbacks | None, on_entries: Callable[[Collection[UUID]], None]
    ) -> None:
        self._store = store
        self._batches = batches
        self._on_entries = on_entries

    async def owed(self, lane: LaneKey, limit: int) -> Sequence[OwedCallback]:
        """Return the first undelivered callbacks of a lane, in order."""
        if self._batches is not None and lane.sequence in OF_BATCHES:
            return await self._batches.owed(lane, limit)
        return await self._store.owed(lane, limit)

    async def record(self, attempts: Sequence[Attempt]) -> None:
        """Log attempts and update what they are about; idempotent."""
        of_batches = [attempt for attempt in attempts if attempt.of_batch]
        others = [attempt for attempt in attempts if not attempt.of_batch] if of_batches else attempts
        if others:
            await self._store.record_attempts(others)
        if of_batches and self._batches is not None:
            await self._batches.record_attempts(of_batches)
        ended = {one.batch_id for one in others if one.batch_id is not None and one.next_attempt_at is None}
        if ended:
            self._on_entries(ended)
