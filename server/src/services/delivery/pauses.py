"""Pauses of lanes, and of receivers for all callers; in memory and in the table.

A paused lane occupies no place: when its probe is due, the lane makes one attempt, which decides about the pause. A
receiver that is paused for all callers is probed by one lane at a time, of any caller.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from src.services.delivery.decision import PROBE_WAIT_MAX_S
from src.services.kit.lru import LruDict
from src.services.requests.records import LaneKey, Pause
from src.services.requests.store import RequestStore

#: While another lane is probing, a lane is checked again after this time.
ASKED_AGAIN_AFTER = timedelta(seconds=1)
#: A receiver's pause whose probe has been due for so long is obsolete: no lane has anything to send.
UNUSED_AFTER = timedelta(minutes=10)
#: Lanes and receivers whose consecutive failures are remembered; the least recently failed is evicted first.
STREAKS_MAX = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A lane may not send before a moment, at which it should be checked again."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """The pauses that apply to a lane, or that its next attempt probes; may be empty."""

    lane: Pause | None = None
    receiver: Pause | None = None

    def __bool__(self) -> bool:
        """Whether there is a pause."""
        return bool(self.lane or self.receiver)


NOT_HELD = Held()


class Pauses:
    """All pauses, by lane and by receiver. Belongs to the worker's event loop.

    Args:
        store: the request store of that loop.
        now: the time, aware UTC, never going back.
    """

    def __init__(self, store: RequestStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        #: Pauses of receivers have an empty caller.
        self._pauses: dict[LaneKey, Pause] = {}
        #: Pauses being probed.
        self._probed: set[LaneKey] = set()

    async def load(self) -> None:
        """Load all pauses; must be called before anything is sent."""
        for pause in await self._store.pauses():
            self._pauses[_key(pause)] = self._sane(pause)

    async def read_again(self, receivers: Collection[str]) -> None:
        """Reload the pauses of some receivers, which may have been ended or brought forward elsewhere."""
        names = set(receivers)
        before = {key: pause for key, pause in self._pauses.items() if key.receiver in names}
        found = {_key(pause): pause for pause in await self._store.pauses_of(receivers)}
        for key, pause in before.items():
            if self._pauses.get(key) is not pause:
                continue  # it was changed here during the query
            if key not in found:
                self._forget(key)
            elif found[key].next_probe_at < pause.next_probe_at:
                self._pauses[key] = found[key]

    def __iter__(self) -> Iterator[Pause]:
        """Iterate over a copy of the pauses."""
        return iter(list(self._pauses.values()))

    def of(self, lane: LaneKey) -> Held:
        """Return the pauses that apply to a lane."""
        if not self._pauses:
            return NOT_HELD
        return Held(self._pauses.get(lane.whole), self._pauses.get(LaneKey("", lane.receiver)))

    def longest(self, lane: LaneKey) -> Pause | None:
        """Return the pause of a lane that lasts longest."""
        held = self.of(lane)
        return max(filter(None, (held.lane, held.receiver)), key=lambda pause: pause.next_probe_at, default=None)

    def blocks(self, lane: LaneKey) -> Blocked | None:
        """Return until when a lane may not send, not even a probe; None if it may."""
        held = self.of(lane)
        if not held:
            return None
        now = self._now()
        until = max(pause.next_probe_at for pause in (held.lane, held.receiver) if pause)
        if until > now:
            return Blocked(until)
        if any(_key(pause) in self._probed for pause in (held.lane, held.receiver) if pause):
            return Blocked(now + ASKED_AGAIN_AFTER)
        return None

    def probe(self, lane: LaneKey) -> Held:
        """Claim the pauses that apply to a lane for probing; they must be released."""
        held = self.of(lane)
        self._probed.update(_key(pause) for pause in (held.lane, held.receiver) if pause)
        return held

    def release(self, held: Held) -> None:
        """Release claimed pauses, so that other lanes may probe."""
        self._probed.difference_update(_key(pause) for pause in (held.lane, held.receiver) if pause)

    def begin(self, pause: Pause) -> Pause:
        """Begin or extend a pause; returns the pause to save."""
        known = self._pauses.get(_key(pause))
        if known and not pause.probes:
            return known  # another lane has begun it
        if not pause.probes:
            whose = "a lane" if pause.caller else "a receiver, for all callers,"
            log.warning("Callbacks of %s are paused: %s", whose, pause.reason)
        self._pauses[_key(pause)] = pause
        return pause

    async def save(self, pause: Pause) -> None:
        """Store a pause that has begun or was extended."""
        await self._store.pause(pause)

    async def end(self, pause: Pause) -> None:
        """End a pause."""
        self._forget(_key(pause))
        await self._store.end_pause(pause)

    async def is_owed(self, lane: LaneKey) -> bool:
        """Return whether a lane has undelivered callbacks, in any of its sequences."""
        return await self._store.is_owed(lane)

    def unused(self) -> list[Pause]:
        """Return pauses of receivers whose probe is long overdue: no lane has anything to send there."""
        before = self._now() - UNUSED_AFTER
        return [pause for pause in self if not pause.caller and pause.next_probe_at < before]

    def _forget(self, key: LaneKey) -> None:
        if self._pauses.pop(key, None):
            log.info("Callbacks of %s are resumed.", "a lane" if key.caller else "a receiver")

    def _sane(self, pause: Pause) -> Pause:
        """Limit the wait for the next probe: the machine's clock may have been set back before a restart."""
        latest = self._now() + timedelta(seconds=PROBE_WAIT_MAX_S)
        return pause if pause.next_probe_at <= latest else replace(pause, next_probe_at=latest)


class Streaks:
    """Counts of consecutive failures; independent of the life of lanes, and bounded."""

    def __init__(self) -> None:
        self._counts: LruDict[LaneKey, int] = LruDict(STREAKS_MAX)

    def __getitem__(self, key: LaneKey) -> int:
        """Return the number of consecutive failures."""
        return self._counts.get(key, 0)

    def add(self, key: LaneKey) -> None:
        """Count another failure."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def end(self, key: LaneKey) -> None:
        """Reset the count."""
        self._counts.pop(key, None)


def _key(pause: Pause) -> LaneKey:
    return LaneKey(pause.caller, pause.receiver)
