"""The live stream: every watcher gets the same events, each through a bounded queue of its own."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

#: Events a slow watcher may be behind; then they are dropped and it is told to read everything again.
BEHIND_MAX = 500
WATCHERS_MAX = 500
WATCHERS_OF_ONE_CALLER_MAX = 50


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as JSON-ready data."""

    type: str
    data: Any


RESYNC = Event("resync", {})


class EventBus:
    """Hands events to those who watch. Belongs to one event loop."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[Event]] = set()
        self._callers: Counter[str] = Counter()

    @property
    def watched(self) -> bool:
        """Whether anybody watches; if not, nobody need find out what there is to tell."""
        return bool(self._watchers)

    def is_full_for(self, caller: str) -> bool:
        """Whether no further watcher is taken, from this caller or at all."""
        return len(self._watchers) >= WATCHERS_MAX or self._callers[caller] >= WATCHERS_OF_ONE_CALLER_MAX

    @contextmanager
    def watching(self, caller: str) -> Iterator[asyncio.Queue[Event]]:
        """Watch: what is published from now on comes through the queue."""
        events: asyncio.Queue[Event] = asyncio.Queue(BEHIND_MAX)
        self._watchers.add(events)
        self._callers[caller] += 1
        try:
            yield events
        finally:
            self._watchers.discard(events)
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

    def publish(self, event: Event) -> None:
        """Tell everybody. A watcher whose queue is full gets `resync` in place of what it holds."""
        for events in self._watchers:
            if events.full():
                while not events.empty():
                    events.get_nowait()
                events.put_nowait(RESYNC)
            else:
                events.put_nowait(event)
