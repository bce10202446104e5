"""`GET /api/events`: what happens, as Server-Sent Events, and what was missed after a break."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from src.http_server.protocol import limited_protocol
from src.services.live.event_bus import BEHIND_BYTES_MAX, WATCHERS_OF_ONE_CALLER_MAX
from src.services.live.frames import Event
from src.services.live.live_updates import PING
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.service import Service
from tests.support.waiting import eventually

WRITE_TIMEOUT_S = 0.4
GET = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Stream:
    """One response."""

    response: httpx.Response
    lines: AsyncIterator[str]

    async def next(self) -> dict[str, Any]:
        """Read the next event, its id among its fields; what is a comment has no type."""
        event: dict[str, Any] = {}
        async with asyncio.timeout(10):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "data":
                    event |= json.loads(value)
                elif name == "id":
                    event["id"] = value
                elif line.startswith(":"):
                    event["comment"] = line[1:].strip()
                elif not line and event:
                    return event
        raise AssertionError("the stream has ended")

    async def until(self, kind: str) -> dict[str, Any]:
        while (event := await self.next()).get("type") != kind:
            pass
        return event


@dataclass
class Server:
    """The service over HTTP."""

    service: Service
    port: int
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/api/events"

    @asynccontextmanager
    async def follow(self, last_id: str | None = None) -> AsyncIterator[Stream]:
        headers = {} if last_id is None else {b"last-event-id": last_id.encode("latin-1")}
        async with self.client.stream("GET", self.url, headers=headers) as response:
            yield Stream(response, response.aiter_lines())

    async def is_left(self) -> None:
        await eventually(lambda: (self.events.places_taken, self.events.watchers) == (0, 0))

    @property
    def events(self) -> Any:
        return self.service.parts.events

    async def delete(self) -> str:
        """Let something happen: a request is stored and deleted."""
        sync = (await self.service.client.post("/api/sync", json={"num_transactions": 1})).json()
        await self.service.client.delete(f"/api/requests/{sync['request_id']}")
        return str(sync["request_id"])


@pytest.fixture
async def server(service: Service) -> AsyncIterator[Server]:
    port = free_port()
    async with (
        over_http(service.app, port, limited_protocol(write_timeout_s=WRITE_TIMEOUT_S)),
        httpx.AsyncClient(timeout=10) as client,
    ):
        yield Server(service, port, client)


async def test_it_tells_what_the_websocket_tells(server: Server) -> None:
    async with server.follow() as stream:
        hello = await stream.next()
        deleted = await server.delete()
        told = await stream.until("request.deleted")

        assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert (hello["type"], hello["id"].split("-")[1]) == ("hello", str(hello["seq"]))
        assert told["data"]["ids"] == [deleted]
        assert told["id"] == f"{hello['id'].split('-')[0]}-{told['seq']}"
    await server.is_left()


async def test_a_heartbeat_is_a_comment(server: Server) -> None:
    async with server.follow() as stream:
        await stream.next()
        await server.events.hand_out(PING)

        assert await stream.next() == {"comment": "ping"}


async def test_after_a_break_what_was_missed_comes_first(server: Server) -> None:
    async with server.follow() as stream:
        before = await stream.next()
        await server.delete()
        last = await stream.until("request.deleted")
    await server.is_left()
    missed = await server.delete()
    await eventually(lambda: server.events._seq > last["seq"])
    async with server.follow(last["id"]) as stream:
        hello = await stream.next()
        told = await stream.until("request.deleted")

    assert (hello["type"], hello["id"]) == ("hello", last["id"])
    assert told["data"]["ids"] == [missed]
    assert before["seq"] < hello["seq"] < told["seq"]


async def test_what_is_not_known_is_read_again(server: Server) -> None:
    for last_id in ("5f1d2c3b4a596877-1", "x", "\xff"):
        async with server.follow(last_id) as stream:
            assert [(await stream.next())["type"] for _ in range(2)] == ["hello", "resync"]


async def test_one_more_than_a_caller_may_have_is_told_when_to_ask(server: Server) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(WATCHERS_OF_ONE_CALLER_MAX):
            client = stack.enter_context(socket.socket())
            await asyncio.to_thread(client.connect, ("127.0.0.1", server.port))
            client.sendall(GET)
        await eventually(lambda: server.events.watchers == WATCHERS_OF_ONE_CALLER_MAX)
        refused = await stack.enter_async_context(server.follow())

        assert refused.response.status_code == 503
        assert int(refused.response.headers["retry-after"]) > 0
        assert refused.response.headers["content-type"] == "application/problem+json"
    await server.is_left()


async def test_who_asks_for_the_head_alone_gets_it_and_takes_no_place(server: Server) -> None:
    head = await server.client.head(server.url)
    unknown = await server.client.get(server.url, params={"x": "1"})

    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert unknown.status_code == 422
    assert server.events.places_taken == 0


async def test_streams_end_before_the_server_stops(server: Server) -> None:
    async with server.follow() as stream:
        await stream.next()
        await server.service.parts.before_stop()
        async with asyncio.timeout(5):
            rest = [line async for line in stream.lines if line]

        assert rest == []
        assert server.events.places_taken == 0


async def test_who_does_not_read_holds_a_bounded_buffer_and_no_place_for_long(server: Server) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await asyncio.to_thread(client.connect, ("127.0.0.1", server.port))
        client.sendall(GET)
        await eventually(lambda: server.events.watchers == 1)
        [watcher] = server.events._watchers
        for _ in range(200):
            await server.events.hand_out(Event("test", "x" * 50_000))
            await asyncio.sleep(0)
        held = watcher._bytes

        assert held <= BEHIND_BYTES_MAX + 60_000
        await server.is_left()


async def test_who_resets_the_connection_frees_its_place(server: Server) -> None:
    for _ in range(WATCHERS_OF_ONE_CALLER_MAX):
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            await asyncio.to_thread(client.connect, ("127.0.0.1", server.port))
            client.sendall(GET)
            await asyncio.sleep(0)
    await server.is_left()
    async with server.follow() as stream:
        assert (await stream.next())["type"] == "hello"
