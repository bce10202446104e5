"""A timer queue of lanes: which to check, and when."""

import heapq
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from src.services.requests.records import LaneKey

#: Maximum number of lanes on the agenda; sweeps find the others.
AGENDA_MAX = 20_000


class Agenda:
    """Due times of lanes; the earliest per lane counts. Belongs to one event loop.

    Args:
        on_sooner: called when a lane becomes due before all others.
    """

    def __init__(self, on_sooner: Callable[[], None]) -> None:
        self._on_sooner = on_sooner
        self._times: dict[LaneKey, datetime] = {}
        self._heap: list[tuple[datetime, LaneKey]] = []

    def __len__(self) -> int:
        """Return the number of lanes."""
        return len(self._times)

    def __iter__(self) -> Iterator[LaneKey]:
        """Iterate over a copy of the lanes."""
        return iter(list(self._times))

    def add(self, key: LaneKey, at: datetime) -> None:
        """Add a lane, unless an earlier time is known or the agenda is full."""
        known = self._times.get(key)
        if (known is None and len(self._times) >= AGENDA_MAX) or (known is not None and known <= at):
            return
        soonest = self.next_at()
        self._times[key] = at
        heapq.heappush(self._heap, (at, key))
        if soonest is None or at < soonest:
            self._on_sooner()

    def next_at(self) -> datetime | None:
        """Return the earliest due time; None if the agenda is empty."""
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: datetime) -> list[LaneKey]:
        """Remove and return the lanes that are due, earliest first."""
        due: list[LaneKey] = []
        while (at := self.next_at()) is not None and at <= now:
            _, key = heapq.heappop(self._heap)
            del self._times[key]
            due.append(key)
        return due

    def take_receivers(self, receivers: Collection[str]) -> list[LaneKey]:
        """Remove and return all lanes to some receivers, whether due or not."""
        names = set(receivers)
        found = [key for key in self._times if key.receiver in names]
        for key in found:
            del self._times[key]
        return found
