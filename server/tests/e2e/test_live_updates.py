"""The live stream, over a real WebSocket; also of what another process did."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from src.services.live.event_bus import WATCHERS_OF_ONE_CALLER_MAX
from tests.support.processes import ServerProcess, server_process
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

FRIEND = "https://app.example"
HANDSHAKE = (
    b"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PUBLIC = "https://reports.example"


@pytest.fixture
async def server(data_dir: Path, database_url: str, receiver: Receiver) -> AsyncIterator[ServerProcess]:
    settings = {
        "CALLBACK_ALLOWED_ORIGINS": receiver.origin,
        "CORS_ALLOWED_ORIGINS": FRIEND,
        "PUBLIC_BASE_URL": PUBLIC,
        "DATABASE_URL": database_url,
    }
    with server_process(data_dir, CALLBACK_RETRY_DELAYS="0.05", SIMULATED_MS_PER_TRANSACTION="0", **settings) as server:
        yield server


def watch(server: ServerProcess, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{server.port}/api/ws", **options)


async def next_event(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        event: dict[str, Any] = json.loads(await socket.recv())
    return event


def is_acknowledged(events: list[dict[str, Any]]) -> bool:
    return any(e["type"] == "request.updated" and e["data"]["callback_status"] == "SUCCESS" for e in events)


def told_attempts(events: list[dict[str, Any]]) -> list[tuple[int, int]]:
    attempts = [event["data"] for event in events if event["type"] == "callback.attempted"]
    return [(attempt["attempt_number"], attempt["status_code"]) for attempt in attempts]


async def test_every_step_of_a_request_is_told(server: ServerProcess, receiver: Receiver) -> None:
    receiver.answer = lambda number, _: 500 if number == 0 else 200
    async with watch(server) as socket, httpx.AsyncClient(base_url=server.base_url) as client:
        # The client offers compression: it is agreed on as one that is the same for everybody.
        assert socket.response is not None
        assert "server_no_context_takeover" in socket.response.headers["Sec-WebSocket-Extensions"]
        hello = await next_event(socket)
        accepted = (await client.post("/api/async", json={"payload": {}, "callback_url": receiver.url})).json()
        events = [await next_event(socket)]
        # The row that is told of may be newer than the attempt that is: wait for both.
        while not (is_acknowledged(events) and told_attempts(events) == [(1, 500), (2, 200)]):
            events.append(await next_event(socket))
        await client.delete(f"/api/requests/{accepted['request_id']}")
        while events[-1]["type"] != "request.deleted":
            events.append(await next_event(socket))
    listed = [event["data"] for event in events if event["type"] == "request.updated"]

    assert (hello["type"], hello["seq"]) == ("hello", 1)
    assert [event["seq"] for event in events] == list(range(2, len(events) + 2))
    assert {one["request_id"] for one in listed} == {accepted["request_id"]}
    assert events[-1]["data"] == {"ids": [accepted["request_id"]]}
    assert any(event["type"] == "queue.changed" for event in events)


async def test_a_page_of_another_origin_may_not_watch(server: ServerProcess) -> None:
    for origin in (
        "http://evil.example",
        "http://[",
        "null",
        f"{FRIEND}:8443",
        f"{FRIEND}.evil.example",
        FRIEND.upper(),
    ):
        with pytest.raises(InvalidStatus, match="403"):
            async with watch(server, origin=origin):
                pass
    # A proxy that does not pass `Host` on leaves only PUBLIC_BASE_URL to know our own page by.
    for origin in (server.base_url, FRIEND, PUBLIC):
        async with watch(server, origin=origin) as socket:
            assert (await next_event(socket))["type"] == "hello"


async def test_whoever_comes_by_a_foreign_name_may_not_watch_and_is_told_so(server: ServerProcess) -> None:
    for origin in (None, Origin("http://evil.example")):
        with pytest.raises(InvalidStatus) as refused:
            async with connect("ws://evil.example/api/ws", host="127.0.0.1", port=server.port, origin=origin):
                pass

        assert refused.value.response.status_code == 421
        assert refused.value.response.headers["content-type"] == "application/problem+json"


async def test_watchers_do_not_keep_the_server_from_stopping(server: ServerProcess) -> None:
    async with watch(server) as one, watch(server) as other:
        await next_event(one)
        await next_event(other)

        assert await asyncio.to_thread(server.stop) == 0


async def watches(server: ServerProcess) -> bool:
    """Whether one more may watch."""
    try:
        async with watch(server) as stream:
            await next_event(stream)
            return True
    except InvalidStatus:
        return False


async def test_one_more_than_a_caller_may_have_is_refused_before_the_upgrade_and_told_when_to_ask(
    server: ServerProcess,
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(WATCHERS_OF_ONE_CALLER_MAX):
            await stack.enter_async_context(watch(server))
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(watch(server))
    answer = refused.value.response

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert json.loads(answer.body or b"")["type"].endswith(":unavailable")
    await eventually(lambda: watches(server))


async def test_watchers_that_vanish_free_their_places(server: ServerProcess) -> None:
    for _ in range(WATCHERS_OF_ONE_CALLER_MAX):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(HANDSHAKE)
            await asyncio.sleep(0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes by a reset
    for _ in range(WATCHERS_OF_ONE_CALLER_MAX):
        stream = await watch(server)
        await next_event(stream)
        stream.transport.abort()

    async def all_of_them_again() -> bool:
        async with AsyncExitStack() as stack:
            try:
                for _ in range(WATCHERS_OF_ONE_CALLER_MAX):
                    await stack.enter_async_context(watch(server))
            except InvalidStatus:
                return False
            return True

    await eventually(lambda: watches(server))
    assert await all_of_them_again()
