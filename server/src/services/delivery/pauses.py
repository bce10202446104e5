"""What is left alone: lanes, and receivers for everybody. In memory, and in the table.

A pause is held by nobody's place: when its probe is due, one lane makes one attempt and decides. Of a receiver that
is paused for everybody one lane at a time, whoever's it is.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from src.services.delivery.decision import PROBE_WAIT_MAX_S
from src.services.kit.lru import LruDict
from src.services.requests.records import LaneKey, Pause
from src.services.requests.store import RequestStore

#: While another lane probes, this is when to ask again.
ASKED_AGAIN_AFTER = timedelta(seconds=1)
#: A receiver's pause whose probe nobody wanted to make for so long is of no use to anybody.
UNUSED_AFTER = timedelta(minutes=10)
#: Lanes and receivers whose failures in a row are remembered; the one that failed longest ago is forgotten first.
STREAKS_MAX = 10_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A lane may not send now; when it is worth asking again."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """The pauses that a lane's next attempt is the probe of; none: it is no probe."""

    lane: Pause | None = None
    receiver: Pause | None = None

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.lane or self.receiver)


NOT_HELD = Held()


class Pauses:
    """Every pause, by lane and by receiver. Belongs to the worker's event loop.

    Args:
        store: the statements, on that loop.
        now: the time, aware UTC, never going back.
    """

    def __init__(self, store: RequestStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        #: A receiver's pause stands under the empty caller.
        self._pauses: dict[LaneKey, Pause] = {}
        #: What a lane is probing now.
        self._probed: set[LaneKey] = set()

    async def load(self) -> None:
        """Read all of them; before anything is sent."""
        for pause in await self._store.pauses():
            self._pauses[_key(pause)] = self._sane(pause)

    async def read_again(self, receivers: Collection[str]) -> None:
        """Reload the pauses, which may have been ended or hurried elsewhere."""
        names = set(receivers)
        before = {key: pause for key, pause in self._pauses.items() if key.receiver in names}
        found = {_key(pause): pause for pause in await self._store.pauses_of(receivers)}
        for key, pause in before.items():
            if self._pauses.get(key) is not pause:
                continue  # it was changed here while the table was read
            if key not in found:
                self._forget(key)
            elif found[key].next_probe_at < pause.next_probe_at:
                self._pauses[key] = found[key]

    def __iter__(self) -> Iterator[Pause]:
        """Go through all of them."""
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
        """Return whether a lane may not send now, not even a probe."""
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
        """Take what holds a lane into its hands; it is to be released."""
        held = self.of(lane)
        self._probed.update(_key(pause) for pause in (held.lane, held.receiver) if pause)
        return held

    def release(self, held: Held) -> None:
        """Let others probe."""
        self._probed.difference_update(_key(pause) for pause in (held.lane, held.receiver) if pause)

    def begin(self, pause: Pause) -> Pause:
        """Begin a pause, or go on with it; returns what is to be saved."""
        known = self._pauses.get(_key(pause))
        if known and not pause.probes:
            return known  # another lane has begun it
        if not pause.probes:
            whose = "a lane" if pause.caller else "a receiver, for everybody,"
            log.warning("Callbacks of %s are paused: %s", whose, pause.reason)
        self._pauses[_key(pause)] = pause
        return pause

    async def save(self, pause: Pause) -> None:
        """Write what has begun."""
        await self._store.pause(pause)

    async def end(self, pause: Pause) -> None:
        """End a pause."""
        self._forget(_key(pause))
        await self._store.end_pause(pause)

    async def is_owed(self, lane: LaneKey) -> bool:
        """Tell whether a lane owes anything, in any of its sequences."""
        return await self._store.is_owed(lane)

    def unused(self) -> list[Pause]:
        """Name receivers' pauses whose probe has been due for long: nothing is owed there any more."""
        before = self._now() - UNUSED_AFTER
        return [pause for pause in self if not pause.caller and pause.next_probe_at < before]

    def _forget(self, key: LaneKey) -> None:
        if self._pauses.pop(key, None):
            log.info("Callbacks of %s go on.", "a lane" if key.caller else "a receiver")

    def _sane(self, pause: Pause) -> Pause:
        """Wait no longer than anybody decides on: the machine's clock may have been set back before a restart."""
        latest = self._now() + timedelta(seconds=PROBE_WAIT_MAX_S)
        return pause if pause.next_probe_at <= latest else replace(pause, next_probe_at=latest)


class Streaks:
    """How often something failed in a row; outlives lanes, and remembers a bounded number of names."""

    def __init__(self) -> None:
        self._counts: LruDict[LaneKey, int] = LruDict(STREAKS_MAX)

    def __getitem__(self, key: LaneKey) -> int:
        """Return the number of consecutive failures."""
        return self._counts.get(key, 0)

    def add(self, key: LaneKey) -> None:
        """Count one more."""
        self._counts[key] = self._counts.get(key, 0) + 1

    def end(self, key: LaneKey) -> None:
        """Reset the count."""
        self._counts.pop(key, None)


def _key(pause: Pause) -> LaneKey:
    return LaneKey(pause.caller, pause.receiver)
