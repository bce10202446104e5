"""Creates the live event stream: changes made by any process on this database, as events."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row

from src.assembly.data import Data
from src.assembly.identity import Identity
from src.database import connect
from src.services.engine.protocol import Engine
from src.services.identity.caller import View
from src.services.live.account_streams import AccountStreams, Stream
from src.services.live.batch_updates import BatchUpdates
from src.services.live.event_bus import EventBus, Room
from src.services.live.live_updates import LiveUpdates, Show
from src.services.requests.batches import BatchState
from src.services.requests.changes import ChangeListener, Changes
from src.services.requests.in_flight import InFlight
from src.services.requests.owners import accounts_of

LISTENING_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """Serializers of rows in events."""

    #: Of a row of `requests`, in a stream of what a view shows.
    request: Callable[[View, Row[Any]], Any]
    #: Of a row of the callback log.
    attempt: Show
    #: Of a batch and its counts.
    batch: Callable[[BatchState], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The event streams and their sources."""

    #: Of the unnamed account.
    events: EventBus
    updates: LiveUpdates
    batches: BatchUpdates
    #: Of all accounts.
    streams: AccountStreams
    listener: ChangeListener

    async def until_it_listens(self) -> None:
        """Wait up to `LISTENING_WITHIN_S` for LISTEN, so that the first client misses no change."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENING_WITHIN_S):
                await self.listener.listening.wait()


def open_live(data: Data, identity: Identity, engine: Engine, in_flight: InFlight, views: Views) -> Live:
    """Create the stream; its tasks are started with the others."""
    room = Room()

    def open_stream(view: View) -> Stream:
        events = EventBus(room=room)
        updates = LiveUpdates(
            data.reader,
            events,
            busy_with=lambda: engine.state().busy_with,
            show_request=partial(views.request, view),
            show_attempt=views.attempt,
            view=view,
            on_batches=lambda ids: batches.tell(ids),  # noqa: PLW0108  it is made below
        )
        return Stream(events, updates)

    unnamed = open_stream(View())
    streams = AccountStreams(unnamed, open_stream, partial(accounts_of, data.reader.read))
    batches = BatchUpdates(
        data.batches.some, lambda: streams.watched, streams.publish, views.batch, streams.tell_of_a_gap
    )

    listener = _listen(data, identity, engine, in_flight, streams, batches)
    return Live(events=unnamed.events, updates=unnamed.updates, streams=streams, batches=batches, listener=listener)


def _listen(
    data: Data,
    identity: Identity,
    engine: Engine,
    in_flight: InFlight,
    streams: AccountStreams,
    batches: BatchUpdates,
) -> ChangeListener:
    """Create the listener that tells every part what changed in the database."""

    async def on_changes(changes: Changes) -> None:
        await identity.changed(changes)
        engine.wake()  # another process may have accepted a request
        engine.receivers_changed(changes.receivers)
        engine.stop_work(changes.cancelled)
        in_flight.cancel(changes.cancelled)
        data.completions.tell([*changes.updated, *changes.deleted])
        batches.tell(changes.batches)
        streams.tell(changes)

    async def on_gap() -> None:
        await identity.start_over()
        data.completions.tell_of_a_gap()
        streams.tell_of_a_gap()

    return ChangeListener(partial(connect, data.url), on_changes=on_changes, on_gap=on_gap, hearing=identity.hearing)
