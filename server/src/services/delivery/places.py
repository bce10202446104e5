"""Who may have a lane in memory now: there are a limited number of places, shared between callers."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from src.services.delivery.lane import DeliveryLane
from src.services.requests.records import LaneKey

#: Lanes in memory at most; the others wait in the table.
LANES_MAX = 2_000
#: Where others wait, a lane that has nothing under way keeps its place for so long.
TURN = timedelta(seconds=10)
#: Where nobody could be moved out, nobody is looked for again within this time, but for those with fewer places.
SEARCHED_AGAIN_AFTER = timedelta(seconds=0.25)
#: Lanes that are remembered to wait for a place; those beyond are found by a sweep.
WAITING_MAX = 10_000


class LanePlaces:
    """The lanes in memory. Belongs to the worker's event loop.

    Whoever has fewer places than another gets one of his; those who have as many take turns. Nobody gets a place of
    a caller with fewer, not even an idle one: else the many lanes of one caller close the few of others again and
    again. Only a lane that has nothing under way is moved out: what it owes stands in the table.

    Args:
        now: the time, aware UTC, never going back.
        places_max: lanes at the same time.
    """

    def __init__(self, now: Callable[[], datetime], places_max: int = LANES_MAX) -> None:
        self._now = now
        self._places_max = places_max
        self._lanes: dict[LaneKey, DeliveryLane] = {}
        self._by_caller: dict[str, dict[LaneKey, datetime]] = {}
        #: Lanes that asked for a place and got none, by caller, in the order in which they asked.
        self._waiting: dict[str, dict[LaneKey, None]] = {}
        #: Until when nobody has to be looked for, and how many places the caller with most had.
        self._searched: tuple[datetime, int] = (now(), 0)

    def __len__(self) -> int:
        """Count the lanes."""
        return len(self._lanes)

    def __iter__(self) -> Iterator[DeliveryLane]:
        """Go through the lanes."""
        return iter(list(self._lanes.values()))

    def get(self, key: LaneKey) -> DeliveryLane | None:
        """Find a lane."""
        return self._lanes.get(key)

    @property
    def waiting(self) -> int:
        """How many lanes are known to wait for a place."""
        return sum(map(len, self._waiting.values()))

    def take(self, key: LaneKey, lane: DeliveryLane) -> None:
        """Give a lane a place; there must be one."""
        self.stop_waiting(key)
        self._lanes[key] = lane
        self._by_caller.setdefault(key.caller, {})[key] = self._now()

    def leave(self, key: LaneKey) -> None:
        """Take a lane's place away."""
        if self._lanes.pop(key, None) is not None:
            mine = self._by_caller[key.caller]
            del mine[key]
            if not mine:
                del self._by_caller[key.caller]

    def make_room(self, key: LaneKey) -> tuple[bool, DeliveryLane | None]:
        """Find a place for a lane; if there is none, it is queued until `next_waiting` returns it.

        Returns:
            Whether there is one, and the lane that has to leave for it.
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
        """Name the lane that is to have the next place: of the caller who has fewest."""
        caller = min(self._waiting, key=lambda one: len(self._by_caller.get(one, ())), default=None)
        return None if caller is None else next(iter(self._waiting[caller]))

    def stop_waiting(self, key: LaneKey) -> None:
        """Let a lane wait no longer: it has a place, or may not send now."""
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
                # A lane without work is kept for the sake of its connection only.
                if lane.may_leave and (has_more or not lane.busy or since < now - TURN):
                    return lane
        self._searched = (now + SEARCHED_AGAIN_AFTER, len(greediest_first[0]))
        return None
