"""Which lanes are to be looked at later, and when."""

import heapq
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from src.services.requests.records import LaneKey

#: Lanes on the agenda at most; those beyond are found by a sweep.
AGENDA_MAX = 20_000


class Agenda:
    """Times of lanes, each once: the earlier one counts. Belongs to one event loop.

    Args:
        on_sooner: called when something is due before everything else.
    """

    def __init__(self, on_sooner: Callable[[], None]) -> None:
        self._on_sooner = on_sooner
        self._times: dict[LaneKey, datetime] = {}
        self._heap: list[tuple[datetime, LaneKey]] = []

    def __len__(self) -> int:
        """Count the lanes."""
        return len(self._times)

    def __iter__(self) -> Iterator[LaneKey]:
        """Go through the lanes."""
        return iter(list(self._times))

    def add(self, key: LaneKey, at: datetime) -> None:
        """Put a lane on the agenda."""
        known = self._times.get(key)
        if (known is None and len(self._times) >= AGENDA_MAX) or (known is not None and known <= at):
            return
        soonest = self.next_at()
        self._times[key] = at
        heapq.heappush(self._heap, (at, key))
        if soonest is None or at < soonest:
            self._on_sooner()

    def next_at(self) -> datetime | None:
        """When something is due; None when nothing is on the agenda."""
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: datetime) -> list[LaneKey]:
        """Take what is due, the earliest first."""
        due: list[LaneKey] = []
        while (at := self.next_at()) is not None and at <= now:
            _, key = heapq.heappop(self._heap)
            del self._times[key]
            due.append(key)
        return due

    def take_receivers(self, receivers: Collection[str]) -> list[LaneKey]:
        """Take every lane to some receivers, whenever it is due."""
        names = set(receivers)
        found = [key for key in self._times if key.receiver in names]
        for key in found:
            del self._times[key]
        return found
