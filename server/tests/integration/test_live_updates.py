"""What those who watch are told, and what it costs: nothing for nobody, the same for one as for many."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import ExitStack, suppress
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Executable, Row

from src.database import open_engine
from src.errors import DatabaseAway
from src.routes.wire import views
from src.services.identity.caller import View
from src.services.live.event_bus import HANDS_OUT_FOR_S, EventBus, Watcher
from src.services.live.frames import Event
from src.services.live.live_updates import (
    CHANGES_TOLD_MAX,
    GATHERED_EVERY_S,
    GATHERED_SENT_PER_S_MAX,
    HEARTBEAT_EVERY_S,
    READ_AT_ONCE,
    LiveUpdates,
)
from src.services.requests.changes import Changes
from src.services.requests.read_slots import ReadSlots
from src.services.requests.reader import RequestReader
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

#: Too many for frames one by one.
MANY = 600
WATCHERS_A_TURN = 25

Frame = dict[str, Any]
Message = MutableMapping[str, Any]


def hello(_spread_s: float) -> Event:
    return Event("hello", {})


class Reader(RequestReader):
    """Counts its queries, and fails while the database is `away`."""

    queries = 0
    away = False

    async def _all(self, query: Executable) -> list[Row[Any]]:
        self.queries += 1
        if self.away:
            raise DatabaseAway("x")
        return list(await super()._all(query))


class Time:
    """A clock that only waiting moves, and one by which `WATCHERS_A_TURN` take as long as may be at once."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.turn_s = 0.0
        self._looks = 0

    def __call__(self) -> float:
        return self.now_s

    async def pause(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)

    async def turn_of_others(self, _seconds: float) -> None:
        """What others do between the frames that are handed out."""
        await self.pause(self.turn_s)

    def handing_out(self) -> float:
        self._looks += 1
        return self._looks * HANDS_OUT_FOR_S / WATCHERS_A_TURN


@pytest.fixture
async def reader(database_url: str) -> AsyncIterator[Reader]:
    async with open_engine(database_url) as engine:
        yield Reader(engine, ReadSlots())


@pytest.fixture
def bus(clock: Time) -> EventBus:
    return EventBus(pause=clock.turn_of_others, clock=clock.handing_out)


@pytest.fixture
async def live(bus: EventBus, reader: Reader, clock: Time) -> AsyncIterator[LiveUpdates]:
    live = LiveUpdates(
        reader,
        bus,
        busy_with=lambda: None,
        show_request=partial(views.item_event, View()),
        show_attempt=views.attempt_event,
        clock=clock,
        pause=clock.pause,
    )
    running = asyncio.create_task(again_and_again(live))
    yield live
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def again_and_again(live: LiveUpdates) -> None:
    while True:
        with suppress(DatabaseAway):
            await live.run()
        await asyncio.sleep(0.01)


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def watchers(bus: EventBus) -> Iterator[list[Watcher]]:
    """Many, each of which has been greeted."""
    with ExitStack() as stack:
        yield [stack.enter_context(bus.watching(hello)) for _ in range(MANY)]


async def next_frame(watcher: Watcher) -> Frame:
    """The next one that is no greeting."""
    async with asyncio.timeout(10):
        frame: Frame = {"type": "hello"}
        while frame["type"] == "hello":
            frame = json.loads((await watcher.next()).text)
        return frame


def told(frame: Frame) -> list[Frame]:
    """The events of a frame, whether it is one or has gathered many."""
    events: list[Frame] = frame["data"]["events"] if frame["type"] == "events" else [frame]
    return events


def merge(known: dict[str, dict[str, Any]], event: Frame) -> None:
    """Take an event as a client should: what is left out of a request is null."""
    match event["type"]:
        case "request.updated":
            known[event["data"]["id"]] = event["data"]
        case "requests.updated":
            known.update({item["id"]: item for item in event["data"]["requests"]})
        case "requests.changed":
            for change in event["data"]["requests"]:
                known[change["id"]] = known[change["id"]] | change
        case "request.deleted":
            for request_id in event["data"]["ids"]:
                known.pop(request_id, None)


def without_nulls(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value is not None}


def changes(*request_ids: UUID) -> Changes:
    return Changes(updated=dict.fromkeys(request_ids))


async def sync_request(service: Service) -> UUID:
    return UUID((await service.client.post("/api/sync", json={"num_transactions": 1})).json()["request_id"])


async def test_at_ordinary_rates_each_change_is_a_frame_of_its_own(service: Service, receiver: Receiver) -> None:
    with service.parts.events.watching(hello) as watcher:
        accepted = await service.submit(receiver.url)
        frames: list[Frame] = []
        # The row that is told of may be newer than the attempt that is: wait for both.
        while {"SUCCESS", 200} - {
            frame["data"].get(name) for frame in frames for name in ("callback_status", "status_code")
        }:
            frames.append(await next_frame(watcher))

    assert {frame["type"] for frame in frames} <= {"request.updated", "callback.attempted", "queue.changed"}
    assert {frame["data"]["id"] for frame in frames if frame["type"] == "request.updated"} == {accepted["request_id"]}


async def test_under_load_few_frames_tell_everybody_what_the_api_says(service: Service, receiver: Receiver) -> None:
    known: dict[str, dict[str, Any]] = {}
    kinds: set[str] = set()
    frames = 0
    with ExitStack() as stack:
        watcher, *_ = [stack.enter_context(service.parts.events.watching(hello)) for _ in range(100)]
        await asyncio.gather(*(service.submit(receiver.url) for _ in range(150)))
        while sum(item.get("callback_status") == "SUCCESS" for item in known.values()) < 150:
            frame = await next_frame(watcher)
            frames += 1
            for event in told(frame):
                kinds.add(event["type"])
                merge(known, event)
    listed = (await service.client.get("/api/requests", params={"limit": 200})).json()["requests"]

    assert {item["id"]: without_nulls(item) for item in listed} == {
        request_id: without_nulls(item) for request_id, item in known.items()
    }
    assert {"requests.updated", "requests.changed", "queue.changed"} <= kinds
    assert frames < 150


async def test_nothing_is_read_for_nobody_and_once_for_all(
    service: Service, reader: Reader, live: LiveUpdates, bus: EventBus, clock: Time
) -> None:
    requests = [await sync_request(service) for _ in range(3)]
    live.tell(changes(*requests))
    await asyncio.sleep(0.05)
    unwatched = reader.queries
    with ExitStack() as stack:
        watchers = [stack.enter_context(bus.watching(hello)) for _ in range(MANY)]
        clock.now_s = 1
        live.tell(changes(*requests))
        frames = [await next_frame(watcher) for watcher in watchers]

    assert unwatched == 0
    assert reader.queries == 1
    assert all(frame == frames[0] for frame in frames)


async def test_a_request_that_was_told_whole_comes_with_what_may_change_alone(
    service: Service, live: LiveUpdates, watchers: list[Watcher]
) -> None:
    first, second = await sync_request(service), await sync_request(service)
    live.tell(changes(first))
    before = await next_frame(watchers[0])
    live.tell(changes(first, second))
    [whole, changed] = told(await next_frame(watchers[0]))

    assert [event["type"] for event in told(before)] == ["requests.updated"]
    assert [item["id"] for item in whole["data"]["requests"]] == [str(second)]
    assert "report_name" in whole["data"]["requests"][0]
    [change] = changed["data"]["requests"]
    assert (change["id"], change["status"]) == (str(first), "COMPLETED")
    assert "report_name" not in change


async def test_many_changes_are_read_so_many_at_a_time_and_told_together(
    service: Service, reader: Reader, live: LiveUpdates, watchers: list[Watcher]
) -> None:
    requests = await asyncio.gather(*(sync_request(service) for _ in range(READ_AT_ONCE + 1)))
    live.tell(changes(*requests))
    [whole] = told(await next_frame(watchers[0]))

    assert {item["id"] for item in whole["data"]["requests"]} == set(map(str, requests))
    assert reader.queries == 2


async def test_gathered_frames_keep_a_distance_that_grows_with_those_who_watch(
    service: Service, live: LiveUpdates, watchers: list[Watcher], clock: Time
) -> None:
    request = await sync_request(service)
    times = []
    for _ in range(4):
        live.tell(changes(request))
        await next_frame(watchers[0])
        times.append(clock.now_s)

    every_s = MANY / GATHERED_SENT_PER_S_MAX
    assert every_s > GATHERED_EVERY_S
    assert [after - before for before, after in pairwise(times)] == [pytest.approx(every_s)] * 3


async def test_frames_are_rarer_while_the_loop_is_busy_with_the_work_of_others(
    service: Service, live: LiveUpdates, watchers: list[Watcher], clock: Time
) -> None:
    request = await sync_request(service)
    clock.turn_s = 0.05
    times = []
    for _ in range(3):
        live.tell(changes(request))
        await next_frame(watchers[-1])
        times.append(clock.now_s)
    took_s = clock.turn_s * (MANY // WATCHERS_A_TURN - 1)

    assert all(after - before > took_s * 1.9 for before, after in pairwise(times))


async def test_more_than_can_be_told_is_one_word_to_read_again(
    reader: Reader, live: LiveUpdates, watchers: list[Watcher]
) -> None:
    live.tell(changes(*(UUID(int=number) for number in range(CHANGES_TOLD_MAX + 1))))

    frame = await next_frame(watchers[0])
    assert (frame["type"], frame["data"]["spread_s"] > 1) == ("resync", True)
    assert reader.queries == 0


async def test_what_could_not_be_read_is_told_when_the_database_is_back(
    service: Service, reader: Reader, live: LiveUpdates, watchers: list[Watcher], clock: Time
) -> None:
    request = await sync_request(service)
    reader.away = True
    live.tell(changes(request))
    await eventually(lambda: reader.queries > 1)
    clock.now_s += HEARTBEAT_EVERY_S + 1
    meanwhile = await next_frame(watchers[0])
    reader.away = False
    after = meanwhile
    while after["type"] == "ping":
        after = await next_frame(watchers[0])

    assert meanwhile["type"] == "ping"
    assert [item["id"] for event in told(after) for item in event["data"]["requests"]] == [str(request)]


class Socket:
    """A WebSocket as a server hands it to the application; what `send` does is a test's own."""

    def __init__(self, service: Service, send: Callable[[Message], Awaitable[None]]) -> None:
        self._leaves = asyncio.Event()
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": "/api/ws",
            "raw_path": b"/api/ws",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost")],
            "client": ("192.0.2.1", 1),
            "server": ("localhost", 80),
            "subprotocols": [],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }
        self._messages: list[Message] = [{"type": "websocket.connect"}]
        self.running = asyncio.create_task(service.app(self.scope, self._receive, send))

    async def _receive(self) -> Message:
        if self._messages:
            return self._messages.pop()
        await self._leaves.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    def leave(self) -> None:
        self._leaves.set()


async def test_a_socket_that_takes_nothing_delays_nobody_and_is_told_to_read_again(service: Service) -> None:
    bus = service.parts.events
    stuck, sent = asyncio.Event(), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "websocket.send" and "hello" not in message["text"]:
            await stuck.wait()

    socket = Socket(service, send)
    await eventually(lambda: bus.watchers == 1)
    with bus.watching(hello) as quick:
        for _ in range(20):
            await bus.hand_out(Event("test", "x" * 50_000))
            assert (await next_frame(quick))["type"] == "test"
            await eventually(lambda: len(sent) == 3)
    stuck.set()
    await eventually(lambda: len(sent) == 4)
    socket.leave()
    await socket.running

    received = [json.loads(message["text"]) for message in sent[1:]]
    assert [frame["type"] for frame in received] == ["hello", "test", "resync"]
    assert received[2]["seq"] == received[1]["seq"] + 19
    assert (bus.watchers, bus.places_taken) == (0, 0)


async def test_a_watcher_that_breaks_anywhere_gives_its_place_back(service: Service) -> None:
    for at in ("websocket.accept", "websocket.send"):
        for error in (OSError, RuntimeError, asyncio.CancelledError):

            async def send(message: Message, at: str = at, error: type[BaseException] = error) -> None:
                if message["type"] == at:
                    raise error

            await asyncio.gather(Socket(service, send).running, return_exceptions=True)

            assert (service.parts.events.watchers, service.parts.events.places_taken) == (0, 0), (at, error)


async def test_a_watcher_that_is_cancelled_gives_its_place_back(service: Service) -> None:
    async def send(_message: Message) -> None:
        await asyncio.sleep(0)

    socket = Socket(service, send)
    await eventually(lambda: service.parts.events.watchers == 1)
    socket.running.cancel()
    await asyncio.gather(socket.running, return_exceptions=True)

    assert (service.parts.events.watchers, service.parts.events.places_taken) == (0, 0)
