"""Opens and closes lanes: which may send now, which get a place, and when to check the others."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta

from src.services.delivery.agenda import Agenda
from src.services.delivery.attempts import Connection
from src.services.delivery.lane import DeliveryLane
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.places import LanePlaces
from src.services.requests.records import LaneKey

#: A lane that was evicted from its place requests one again after this time.
ASKS_AGAIN_AFTER = timedelta(seconds=5)


class OpenLanes:
    """The lanes in memory, and the due times of the others. Belongs to one event loop.

    Args:
        parts: shared by all lanes.
        connect: creates the client of a receiver.
        places: limits the lanes in memory.
        on_change: called when a place is released while lanes are waiting for one, and when a lane becomes due before
            all others.
    """

    def __init__(
        self,
        parts: LaneParts,
        connect: Callable[[str], Connection],
        places: LanePlaces,
        *,
        on_change: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._connect = connect
        self._places = places
        self._on_change = on_change
        self.agenda = Agenda(on_change)
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False

    def __iter__(self) -> Iterator[DeliveryLane]:
        """Iterate over a copy of the open lanes."""
        return iter(self._places)

    @property
    def waiting(self) -> int:
        """Number of lanes known to be waiting for a place."""
        return self._places.waiting

    def get(self, key: LaneKey) -> DeliveryLane | None:
        """Return a lane if it is open."""
        return self._places.get(key)

    def open(self, key: LaneKey, *, expired: bool = False) -> DeliveryLane | None:
        """Return a lane, opening it if needed; None if it may not send now or has no place; it is then checked later.

        Args:
            key: identifies the lane.
            expired: whether its first callback has expired, which is also handled in a paused lane.
        """
        lane = self._places.get(key)
        if self._stopped or (lane is not None and lane.busy):
            return lane
        blocked = self._parts.pauses.blocks(key)
        if blocked and not expired:
            self._places.stop_waiting(key)
            self.agenda.add(key, blocked.until)
            return None
        if lane is None:
            has_room, leaving = self._places.make_room(key)
            if leaving is not None:
                self._move_out(leaving)
            if not has_room:
                return None
            lane = DeliveryLane(key, self._parts, self._connect(key.receiver), on_rest=self._on_rest)
            self._places.take(key, lane)
        if not blocked and self._parts.pauses.of(key):
            lane.probe()
        return lane

    def recheck(self, keys: Collection[LaneKey], *, expired: bool = False) -> None:
        """Open lanes, and notify them that the table holds callbacks for them."""
        for key in keys:
            if lane := self.open(key, expired=expired):
                lane.recheck()

    def waits_for_place(self, key: LaneKey) -> bool:
        """Return whether a lane is waiting for a place."""
        return self._places.waits(key)

    def fill_places(self) -> None:
        """Assign free places to waiting lanes."""
        while (key := self._places.next_waiting()) is not None:
            self.recheck([key])
            if self._places.waits(key):
                return

    def forget_idle(self, since: datetime) -> None:
        """Close lanes that have sent nothing since a moment."""
        for lane in self._places:
            if not lane.busy and lane.may_leave and lane.delivery.last_used_at < since:
                self._drop(lane)

    async def aclose(self, deadline_s: float) -> None:
        """Close all lanes; attempts in flight may continue up to the deadline."""
        self._stopped = True
        await asyncio.gather(*(lane.close(deadline_s) for lane in self._places), *self._closing)

    def _on_rest(self, lane: DeliveryLane) -> None:
        """Handle a lane that became idle: a paused one gives up its place, others keep their connection for a while."""
        pause = self._parts.pauses.longest(lane.key)
        if pause and not self._stopped:
            self.agenda.add(lane.key, pause.next_probe_at)
            self._drop(lane)
        if self._places.waiting:
            self._on_change()

    def _move_out(self, lane: DeliveryLane) -> None:
        if lane.busy:
            now, current = self._parts.now(), lane.delivery.current
            due_at = (current.next_attempt_at if current else None) or now
            self.agenda.add(lane.key, max(due_at, now + ASKS_AGAIN_AFTER))
        lane.leave()
        self._drop(lane)

    def _drop(self, lane: DeliveryLane) -> None:
        if self._places.get(lane.key) is lane:
            self._places.leave(lane.key)
            closing = asyncio.create_task(lane.close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
