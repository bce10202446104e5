"""Turns change notifications into frames: reads changed rows once for all watchers, and broadcasts them.

At ordinary rates each event is sent immediately, as a frame of its own. The cost grows with events times watchers, so
there is a budget; beyond it events are combined into a few frames a second, with the latest state of each request, and
only the fields that can change for requests that have been sent completely before.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from src.errors import DatabaseAway
from src.services.identity.caller import View
from src.services.live.event_bus import EventBus
from src.services.live.frames import HEARTBEAT, Event
from src.services.requests.changes import Changes, batched
from src.services.requests.reader import RequestReader

HEARTBEAT_EVERY_S = 15.0
#: More changed requests than this at once are replaced by a resync: re-reading everything is cheaper.
CHANGES_TOLD_MAX = 2_000
#: Requests read and serialized before the loop is yielded; one takes some 25 us.
READ_AT_ONCE = 100
QUEUE_TOLD_EVERY_S = 0.25
#: Minimum interval of combined frames.
GATHERED_EVERY_S = 0.25
#: Events published individually per second: each is read, serialized and encoded.
SINGLE_EVENTS_PER_S = 200
#: Frames of single events sent per second, to all watchers together; one takes some 20 us.
SENT_PER_S_MAX = 2_000
#: Combined frames, likewise; one takes some 40 us.
GATHERED_SENT_PER_S_MAX = 1_000
#: The next combined frame is delayed by a multiple of the duration of the last: on a busy loop other work comes first.
TIMES_HANDING_OUT = 2
BUSY_WAIT_MAX_S = 3.0
#: Requests remembered as sent completely.
TOLD_WHOLE_MAX = 20_000
#: The fields of a listed request that can change.
CHANGING = (
    "id",
    "status",
    "callback_status",
    "callback_attempts",
    "callback_next_attempt_at",
    "failure_reason",
    "started_at",
    "completed_at",
    "cancelled_at",
)
PING = Event(HEARTBEAT, {})
#: Without another view the stream is the unnamed account's: nothing of a named account is in it.
UNNAMED = View()

Show = Callable[[Row[Any]], Any]


class Pace:
    """A time budget for events published individually; the unused part is kept for one interval.

    Args:
        clock: a monotonic clock, seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept_s = GATHERED_EVERY_S
        self._filled_s = clock()

    def affords(self, events: int, watchers: int) -> bool:
        """Return whether the budget allows so many single events to so many watchers; if so, it is charged."""
        now_s = self._clock()
        self._kept_s = min(self._kept_s + now_s - self._filled_s, GATHERED_EVERY_S)
        self._filled_s = now_s
        costs_s = events * max(1 / SINGLE_EVENTS_PER_S, watchers / SENT_PER_S_MAX)
        if costs_s > self._kept_s:
            return False
        self._kept_s -= costs_s
        return True


class LiveUpdates:
    """Publishes changes. Belongs to the server's loop; does nothing while there are no watchers.

    Args:
        reader: reads the changed rows.
        bus: broadcasts the frames.
        busy_with: returns the request being processed by this process, if any.
        show_request: serializes a row of `requests`.
        show_attempt: serializes a row of the callback log.
        on_batches: called with the batches of changed requests.
        view: whose requests are in the stream.
        clock: a monotonic clock, seconds.
        pause: waits for a number of seconds.
    """

    def __init__(
        self,
        reader: RequestReader,
        bus: EventBus,
        *,
        busy_with: Callable[[], UUID | None],
        show_request: Show,
        show_attempt: Show,
        on_batches: Callable[[Collection[UUID]], None] = lambda _: None,
        view: View = UNNAMED,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reader = reader
        self._bus = bus
        self._busy_with = busy_with
        self._show_request = show_request
        self._show_attempt = show_attempt
        self._on_batches = on_batches
        self._view = view
        self._clock = clock
        self._pause = pause
        self._pace = Pace(clock)
        self._changes = Changes()
        self._missed_something = False
        self._told_whole: dict[UUID, None] = {}
        self._took_s = 0.0
        self._queue_changed = asyncio.Event()
        self._gathered_s = self._sent_s = clock() - GATHERED_EVERY_S

    def tell(self, changes: Changes) -> None:
        """Record changes, to be read and published shortly."""
        if not self._bus.watched:
            return
        self._queue_changed.set()
        self._changes.add(changes)
        if len(self._changes.updated) + len(self._changes.deleted) > CHANGES_TOLD_MAX:
            self._changes = Changes()
            self._missed_something = True
        self._bus.news.set()

    def tell_of_a_gap(self) -> None:
        """Record that changes may have been missed."""
        if self._bus.watched:
            self._missed_something = True
            self._bus.news.set()

    async def run(self) -> None:
        """Publish changes and events; without any, a ping every `HEARTBEAT_EVERY_S`.

        Raises:
            DatabaseAway: the changes could not be read; call again.
        """
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_EVERY_S):
                    await self._bus.news.wait()
            except TimeoutError:
                await self._hand_out([PING])
                continue
            await self._publish()

    async def _publish(self) -> None:
        self._bus.news.clear()
        single = self._pace.affords(len(self._changes) + self._bus.published, self._bus.watchers)
        if not single:
            await self._pause(max(0.0, self._gathered_s + self._gathered_every_s() - self._clock()))
            self._gathered_s = self._clock()
        if not self._bus.watched:
            self._forget()
            return
        try:
            events = await self._changed(whole=single)
        except DatabaseAway:
            self._bus.news.set()
            if self._clock() - self._sent_s > HEARTBEAT_EVERY_S:
                await self._hand_out([PING])
            raise
        events += self._bus.take_published()
        await self._hand_out(events if single else gathered(events, self._bus.spread_s))

    def _gathered_every_s(self) -> float:
        busy_s = min(TIMES_HANDING_OUT * self._took_s, BUSY_WAIT_MAX_S)
        return max(GATHERED_EVERY_S, self._bus.watchers / GATHERED_SENT_PER_S_MAX, busy_s)

    async def _hand_out(self, events: Iterable[Event]) -> None:
        for event in events:
            self._sent_s = self._clock()
            await self._bus.hand_out(event)
            self._took_s = self._clock() - self._sent_s

    def _forget(self) -> None:
        self._changes = Changes()
        self._told_whole.clear()
        self._missed_something = False
        self._bus.take_published()

    async def _changed(self, *, whole: bool) -> list[Event]:
        """Return the events of recorded changes; after a failure they are read again the next time."""
        changes, self._changes = self._changes, Changes()
        if self._missed_something:
            self._missed_something = False
            return [self._bus.resync()]
        try:
            events = await self._one_by_one(changes) if whole else await self._together(changes)
        except DatabaseAway:
            changes.add(self._changes)
            self._changes = changes
            raise
        deleted = [str(request_id) for request_id, account in changes.deleted.items() if self._view.shows(account)]
        return [Event("request.deleted", {"ids": deleted}), *events] if deleted else events

    async def _one_by_one(self, changes: Changes) -> list[Event]:
        attempts = await self._reader.attempts(list(changes.attempts), self._view)
        rows = await self._reader.by_ids(list(changes.updated), self._view)
        self._remember(row.id for row in rows)
        self._on_batches({row.batch_id for row in rows if row.batch_id is not None})
        return [Event("callback.attempted", self._show_attempt(row)) for row in attempts] + [
            Event("request.updated", self._show_request(row)) for row in rows
        ]

    async def _together(self, changes: Changes) -> list[Event]:
        """Return combined events; attempts are omitted because their requests show them."""
        whole: list[dict[str, Any]] = []
        changed: list[dict[str, Any]] = []
        told: list[UUID] = []
        for request_ids in batched(list(changes.updated), READ_AT_ONCE):
            rows = await self._reader.by_ids(request_ids, self._view)
            self._on_batches({row.batch_id for row in rows if row.batch_id is not None})
            for row in rows:
                shown = self._show_request(row)
                told.append(row.id)
                if row.id in self._told_whole:
                    changed.append({name: shown[name] for name in CHANGING if shown[name] is not None})
                else:
                    whole.append({name: value for name, value in shown.items() if value is not None})
        self._remember(told)
        events = (Event("requests.updated", {"requests": whole}), Event("requests.changed", {"requests": changed}))
        return [event for event in events if event.data["requests"]]

    def _remember(self, request_ids: Iterable[UUID]) -> None:
        self._told_whole.update(dict.fromkeys(request_ids))
        while len(self._told_whole) > TOLD_WHOLE_MAX:
            del self._told_whole[next(iter(self._told_whole))]

    async def tell_of_the_queue(self) -> None:
        """Publish the depth of the queue after changes, at most once per `QUEUE_TOLD_EVERY_S`."""
        while True:
            await self._queue_changed.wait()
            self._queue_changed.clear()
            busy_with = await self._visible(self._busy_with())
            data = {
                "waiting": await self._reader.count_waiting(self._view),
                "processing_request_id": None if busy_with is None else str(busy_with),
            }
            self._bus.publish(Event("queue.changed", data))
            await asyncio.sleep(QUEUE_TOLD_EVERY_S)

    async def _visible(self, request_id: UUID | None) -> UUID | None:
        return request_id if request_id and await self._reader.by_ids([request_id], self._view) else None


def gathered(events: list[Event], spread_s: float) -> list[Event]:
    """Combine events into one frame, without superseded ones."""
    newest = {event.type: event for event in events if event.type in NEWEST_ALONE}
    kept = [event for event in events if newest.get(event.type, event) is event]
    if len(kept) == 1 and kept[0].type not in ONLY_GATHERED:
        return kept
    told = [{"type": event.type, "data": event.data} for event in kept]
    return [Event("events", {"spread_s": spread_s, "events": told})] if told else []


NEWEST_ALONE = frozenset({"queue.changed", "resync"})
ONLY_GATHERED = frozenset({"requests.updated", "requests.changed"})
