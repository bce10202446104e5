"""Callbacks that were cancelled: no attempt of theirs begins once whoever cancelled them was answered.

The row decides. Each attempt begins within `SEEN_OWED_FOR` of a look at its row, and so a server that does not deliver
answers a cancel that long after its COMMIT. The one that does deliver is told, and answers at once.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

from src.services.requests.records import OwedCallback

#: How long a callback is known to be owed, after its row was seen to say so.
SEEN_OWED_FOR = timedelta(seconds=1)


class Cancellations:
    """What was cancelled a moment ago. Belongs to the worker's event loop.

    Args:
        now: the time, aware UTC, never going back.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._at: dict[UUID, datetime] = {}

    def add(self, request_ids: Collection[UUID]) -> None:
        """Take down requests; what is older than any look at a row counts for is forgotten."""
        now = self._now()
        for request_id in request_ids:
            self._at.pop(request_id, None)  # to the end: they stand in the order of their times
            self._at[request_id] = now
        forgotten = now - 2 * SEEN_OWED_FOR
        while (oldest := next(iter(self._at), None)) is not None and self._at[oldest] < forgotten:
            del self._at[oldest]

    def __contains__(self, callback: OwedCallback) -> bool:
        """Return whether the callback was cancelled after its row was last seen to owe it."""
        at = self._at.get(callback.request_id)
        return at is not None and (callback.seen_at or callback.ended_at) <= at
