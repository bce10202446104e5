"""Tickets of event streams: each opens one stream at any server, for its maker, and ends with the key that made it."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from src.routes.events import TICKETS_RATE
from src.services.identity.ticket_store import REMOVED_WITH_EACH_MAX
from tests.integration.test_the_door import INVALID, REALM, bearer, made, slug
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.service import Service, running_service

RunService = Callable[..., AbstractAsyncContextManager[Service]]


@dataclass
class Server:
    """One of the servers of a database."""

    service: Service
    port: int

    async def ticket(self, key: str | None = None) -> str:
        headers = {} if key is None else bearer(key)
        answer = await self.service.client.post("/api/ws/tickets", headers=headers)
        assert (answer.status_code, answer.json()["expires_in_s"]) == (201, 30), answer.text
        assert answer.headers["cache-control"] == "no-store"
        return str(answer.json()["ticket"])

    def socket(self, ticket: str) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/api/ws?ticket={ticket}")

    async def refuses(self, query: str) -> str:
        """Open a WebSocket and an event stream in vain; returns the slug of the refusal."""
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{self.port}/api/ws?{query}"):
                pass
        answer = await self.service.client.get(f"/api/events?{query}")
        body = json.loads(refused.value.response.body or b"")
        assert (refused.value.response.status_code, body["type"].rpartition(":")[2]) == (401, slug(answer))
        assert refused.value.response.headers["www-authenticate"] == answer.headers["www-authenticate"]
        assert answer.status_code == 401
        return slug(answer)

    async def first_line(self, ticket: str) -> str:
        """Read the first line of an event stream."""
        url = f"http://127.0.0.1:{self.port}/api/events?ticket={ticket}"
        async with httpx.AsyncClient() as client, client.stream("GET", url) as response:
            assert response.status_code == 200
            return await anext(response.aiter_lines())


@pytest.fixture
async def servers(database_url: str, tmp_path: Path, run_service: RunService) -> AsyncIterator[list[Server]]:
    settings: dict[str, Any] = {"auth_required": True, "auth_failure_rate": "off"}
    async with run_service(**settings) as first, running_service(database_url, tmp_path / "b", **settings) as second:
        ports = free_port(), free_port()
        async with over_http(first.app, ports[0]), over_http(second.app, ports[1]):
            yield [Server(first, ports[0]), Server(second, ports[1])]


async def of_type(socket: ClientConnection, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while (frame := json.loads(await socket.recv()))["type"] != kind:
            pass
    return dict(frame)


async def test_a_ticket_opens_one_stream_at_any_server_with_the_account_of_its_maker(servers: list[Server]) -> None:
    first, second = servers
    acme, other = [await made(first.service, "read", "submit", account=name) for name in ("acme", "other")]
    async with second.socket(ticket := await first.ticket(acme)) as socket:
        assert (await of_type(socket, "hello"))["data"]
        for key, name in ((other, "of-other"), (acme, "of-acme")):
            body = {"report_name": name, "num_transactions": 1}
            assert (await first.service.client.post("/api/sync", headers=bearer(key), json=body)).status_code == 200
        updated = json.dumps(await of_type(socket, "request.updated"))
        assert "of-acme" in updated
        assert "of-other" not in updated

        for server in servers:
            assert await server.refuses(f"ticket={ticket}") == "ticket-invalid"
    assert (await second.first_line(await first.ticket(acme))).startswith("retry: ")

    one = await first.ticket(acme)
    opened = [server.service.client.head("/api/events", params={"ticket": one}) for server in servers * 10]
    assert sorted(answer.status_code for answer in await asyncio.gather(*opened)) == [200] + [401] * 19


async def test_a_stream_by_ticket_ends_with_the_key_that_made_the_ticket(servers: list[Server]) -> None:
    first, second = servers
    key = await made(first.service, "read")
    kept = await first.ticket(key)
    async with second.socket(await first.ticket(key)) as socket:
        await of_type(socket, "hello")
        await first.service.parts.identity.keys.revoke(key[4:12], datetime.now(UTC))
        with pytest.raises(ConnectionClosed) as closed:
            await of_type(socket, "never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4401
    assert [await server.refuses(f"ticket={kept}") for server in servers] == ["ticket-invalid"] * 2


async def test_what_is_no_good_ticket_is_refused_before_the_stream_begins(
    servers: list[Server], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    [server, _] = servers
    key, url = await made(server.service, "read"), server.service.settings.database_url
    late, good = await server.ticket(key), await server.ticket(key)
    await fetch(url, "UPDATE stream_tickets SET expires_at = now() WHERE sha256 = sha256($1)", late.encode())
    for wrong in (late, uuid4().hex, key, "", "x" * 43, "%ff", good[:-1], "x" * 5_000):
        assert await server.refuses(f"ticket={wrong}") == "ticket-invalid"
    assert await server.refuses("") == "key-missing"

    client = server.service.client
    refused = await client.get("/api/events", params={"ticket": late})
    assert refused.headers["www-authenticate"] == INVALID
    for query, headers in ((f"ticket={good}&ticket={good}", {}), (f"ticket={good}", bearer(key))):
        assert (await client.get(f"/api/events?{query}", headers=headers)).status_code == 400
    assert (await client.get("/api/requests", params={"ticket": good})).headers["www-authenticate"] == REALM
    assert (await client.head("/api/events", params={"ticket": good})).status_code == 200
    assert (await client.post("/api/ws/tickets")).status_code == 401
    without = await client.post("/api/ws/tickets", headers=bearer(await made(server.service, "submit")))
    assert (without.status_code, without.json()["scope"]) == (403, "read")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("src.")]
    assert [line for line in lines if late in line or good in line] == []


async def test_tickets_are_stored_as_their_hash_and_leave_nothing(run_service: RunService) -> None:
    """Without credentials in the open mode, a ticket is that of the unnamed account, and asked of nobody."""
    async with run_service() as service:
        server, url = Server(service, 0), service.settings.database_url
        tickets = [await server.ticket() for _ in range(REMOVED_WITH_EACH_MAX + 5)]
        stored = await fetch(url, "SELECT account, key_id, encode(sha256, 'hex') FROM stream_tickets")
        assert (await service.client.head("/api/events", params={"ticket": tickets[0]})).status_code == 200
        assert (await service.client.head("/api/events", params={"ticket": tickets[0]})).status_code == 401
        assert (await service.client.head("/api/events")).status_code == 200
        await run_sql(url, "UPDATE stream_tickets SET expires_at = now()")
        left = []
        for _ in range(2):
            await server.ticket()
            left.append((await fetch(url, "SELECT count(*) FROM stream_tickets"))[0][0])
        often = [(await service.client.post("/api/ws/tickets")).status_code for _ in range(int(TICKETS_RATE[:3]))]

    assert {tuple(row)[:2] for row in stored} == {(None, None)}
    assert not any(ticket in str(stored) for ticket in tickets)
    assert left == [5, 2]
    assert (often[0], often[-1]) == (201, 429)
