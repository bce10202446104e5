"""The event streams of named accounts and of the operator: each is open while somebody watches it.

What changed is read once, to find out whose it is, and told to the streams of those accounts alone: the cost of a
change does not grow with the number of accounts that watch.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from src.errors import DatabaseAway
from src.services.identity.caller import View
from src.services.live.event_bus import EventBus
from src.services.live.frames import Event
from src.services.live.live_updates import CHANGES_TOLD_MAX, LiveUpdates
from src.services.requests.changes import Changes

#: How often streams that nobody watches any more are closed, seconds.
CLOSED_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream of a view: where its events go, and what finds them."""

    events: EventBus
    updates: LiveUpdates


class AccountStreams:
    """Opens and closes streams. Belongs to the server's loop.

    Args:
        unnamed: the stream of the unnamed account, which is always open.
        open_stream: creates the stream of another view.
        accounts_of: returns the accounts of requests.
    """

    def __init__(
        self,
        unnamed: Stream,
        open_stream: Callable[[View], Stream],
        accounts_of: Callable[[Iterable[UUID]], Awaitable[dict[UUID, str | None]]],
    ) -> None:
        self._unnamed = unnamed
        self._open_stream = open_stream
        self._accounts_of = accounts_of
        self._streams: dict[View, Stream] = {}
        self._changes = Changes()
        self._missed_something = False
        self._news = asyncio.Event()

    @property
    def watchers(self) -> int:
        """Number of watchers of all streams."""
        return sum(stream.events.watchers for stream in (self._unnamed, *self._streams.values()))

    @property
    def watched(self) -> bool:
        """Whether anybody watches any of them."""
        return any(stream.events.watched for stream in (self._unnamed, *self._streams.values()))

    def of(self, view: View) -> EventBus:
        """Return the stream of what is visible."""
        if not view.everybody and view.account is None:
            return self._unnamed.events
        stream = self._streams.get(view)
        if stream is None:
            stream = self._streams[view] = self._open_stream(view)
            self._news.set()
        return stream.events

    def publish(self, account: str | None, event: Event) -> None:
        """Publish an event of an account to those who see it."""
        if account is None:
            self._unnamed.events.publish(event)
        for view, stream in self._streams.items():
            if view.shows(account):
                stream.events.publish(event)

    def tell(self, changes: Changes) -> None:
        """Record changes, to be told to those whose they are."""
        self._unnamed.updates.tell(changes)
        if not self._streams:
            return
        self._changes.add(changes)
        if len(self._changes) > CHANGES_TOLD_MAX:
            self._changes = Changes()
            self._missed_something = True
        self._news.set()

    def tell_of_a_gap(self) -> None:
        """Record that changes may have been missed."""
        self._unnamed.updates.tell_of_a_gap()
        self._missed_something = True
        self._news.set()

    async def run(self) -> None:
        """Keep the streams going.

        Raises:
            DatabaseAway: changes could not be read; call again.
        """
        works: dict[View, list[asyncio.Task[None]]] = {}
        try:
            while True:
                self._open_and_close(works)
                await self._until_news(works)
                await self._hand_on()
        finally:
            await _cancel(task for tasks in works.values() for task in tasks)

    def _open_and_close(self, works: dict[View, list[asyncio.Task[None]]]) -> None:
        for view, stream in list(self._streams.items()):
            if view not in works:
                works[view] = _started(stream.updates)
            elif not stream.events.watched:
                del self._streams[view]
                for task in works.pop(view):
                    task.cancel()

    async def _until_news(self, works: dict[View, list[asyncio.Task[None]]]) -> None:
        """Wait until there is something to do, a while has passed, or a stream has failed."""
        news = asyncio.create_task(self._news.wait())
        running = [task for tasks in works.values() for task in tasks]
        try:
            done, _ = await asyncio.wait([news, *running], timeout=CLOSED_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        self._news.clear()
        for task in done - {news}:
            await task  # raises what it failed of

    async def _hand_on(self) -> None:
        missed, self._missed_something = self._missed_something, False
        changes, self._changes = self._changes, Changes()
        if missed:
            for stream in self._streams.values():
                stream.updates.tell_of_a_gap()
            return
        if not changes:
            return
        try:
            of_account = await self._divided(changes)
        except DatabaseAway:
            self._missed_something = True
            self._news.set()
            raise
        for view, stream in self._streams.items():
            own = changes if view.everybody else of_account.get(view.account)
            if own:
                stream.updates.tell(own)

    async def _divided(self, changes: Changes) -> dict[str | None, Changes]:
        accounts = await self._accounts_of(changes.updated)
        of_account: dict[str | None, Changes] = {}
        for request_id, account in accounts.items():
            of_account.setdefault(account, Changes()).updated[request_id] = None
        for request_id, account in changes.deleted.items():
            of_account.setdefault(account, Changes()).deleted[request_id] = account
        for request_id, number in changes.attempts:
            if request_id in accounts:  # an attempt changes its request too
                of_account[accounts[request_id]].attempts[request_id, number] = None
        return of_account


def _started(updates: LiveUpdates) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(updates.run()), asyncio.create_task(updates.tell_of_the_queue())]


async def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    cancelled = list(tasks)
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
