"""The lanes in memory: a limited number of places, shared fairly between callers."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from src.services.delivery.lane import DeliveryLane
from src.services.requests.records import LaneKey

#: Maximum number of lanes in memory; the others wait in the table.
LANES_MAX = 2_000
#: If others are waiting, a lane without an attempt in flight keeps its place for this time.
TURN = timedelta(seconds=10)
#: After a search found no lane to evict, the next one waits for this time, except for callers with fewer places.
SEARCHED_AGAIN_AFTER = timedelta(seconds=0.25)
#: Maximum number of lanes remembered as waiting for a place; sweeps find the others.
WAITING_MAX = 10_000


class LanePlaces:
    """The lanes in memory. Belongs to the worker's event loop.

    A caller with fewer places than another takes one of the other's; callers with equally many alternate. No caller
    takes a place of one with fewer, not even an idle one: otherwise the many lanes of one caller would keep closing
    the few of others. Only lanes without an attempt in flight are evicted: their callbacks are in the table.

    Args:
        now: the time, aware UTC, never going back.
        places_max: maximum number of lanes.
    """

    def __init__(self, now: Callable[[], datetime], places_max: int = LANES_MAX) -> None:
        self._now = now
        self._places_max = places_max
        self._lanes: dict[LaneKey, DeliveryLane] = {}
        self._by_caller: dict[str, dict[LaneKey, datetime]] = {}
        #: Lanes waiting for a place, by caller, oldest first.
        self._waiting: dict[str, dict[LaneKey, None]] = {}
        #: Until when the last unsuccessful search is valid, and the largest number of places of a caller it found.
        self._searched: tuple[datetime, int] = (now(), 0)

    def __len__(self) -> int:
        """Return the number of lanes."""
        return len(self._lanes)

    def __iter__(self) -> Iterator[DeliveryLane]:
        """Iterate over a copy of the lanes."""
        return iter(list(self._lanes.values()))

    def get(self, key: LaneKey) -> DeliveryLane | None:
        """Return a lane, if it has a place."""
        return self._lanes.get(key)

    @property
    def waiting(self) -> int:
        """Number of lanes known to be waiting for a place."""
        return sum(map(len, self._waiting.values()))

    def take(self, key: LaneKey, lane: DeliveryLane) -> None:
        """Assign a place to a lane; there must be a free one."""
        self.stop_waiting(key)
        self._lanes[key] = lane
        self._by_caller.setdefault(key.caller, {})[key] = self._now()

    def leave(self, key: LaneKey) -> None:
        """Release a lane's place."""
        if self._lanes.pop(key, None) is not None:
            mine = self._by_caller[key.caller]
            del mine[key]
            if not mine:
                del self._by_caller[key.caller]

    def make_room(self, key: LaneKey) -> tuple[bool, DeliveryLane | None]:
        """Find a place for a lane; if there is none, it is queued until `next_waiting` returns it.

        Returns:
            Whether there is one, and the lane to evict for it.
        """
        if len(self._lanes) < self._places_max:
            return True, None
        leaving = self._who_leaves(key.caller)
        if leaving is None and self.waiting < WAITING_MAX:
            self._waiting.setdefault(key.caller, {})[key] = None
        return leaving is not None, leaving

    def waits(self, key: LaneKey) -> bool:
        """Return whether a lane is waiting for a place."""
        return key in self._waiting.get(key.caller, ())

    def next_waiting(self) -> LaneKey | None:
        """Return the waiting lane that gets the next place, of the caller with the fewest."""
        caller = min(self._waiting, key=lambda one: len(self._by_caller.get(one, ())), default=None)
        return None if caller is None else next(iter(self._waiting[caller]))

    def stop_waiting(self, key: LaneKey) -> None:
        """Remove a lane from the waiting ones: it has a place, or may not send now."""
        mine = self._waiting.get(key.caller)
        if mine is not None and key in mine:
            del mine[key]
            if not mine:
                del self._waiting[key.caller]

    def _who_leaves(self, caller: str) -> DeliveryLane | None:
        now, mine = self._now(), len(self._by_caller.get(caller, ()))
        searched_until, most_places = self._searched
        if now < searched_until and most_places <= mine + 1:
            return None
        greediest_first = sorted(self._by_caller.values(), key=len, reverse=True)
        for theirs in greediest_first:
            if len(theirs) < mine:
                break
            has_more = len(theirs) > mine + 1
            for key, since in theirs.items():
                lane = self._lanes[key]
                # A lane without work is only kept for its connection.
                if lane.may_leave and (has_more or not lane.busy or since < now - TURN):
                    return lane
        self._searched = (now + SEARCHED_AGAIN_AFTER, len(greediest_first[0]))
        return None
