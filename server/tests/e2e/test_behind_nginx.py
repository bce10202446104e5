"""The service behind a real nginx, with the configuration that the README recommends."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from src.config import Settings
from tests.support.certificates import make_certificates
from tests.support.databases import create_database
from tests.support.nginx import Nginx, nginx_before
from tests.support.processes import ServerProcess, server_process
from tests.support.waiting import eventually

NAME = "a.test"
PUBLIC = f"https://{NAME}"
CLIENTS = 8
POSTS = 504
#: uvicorn's own end of an idle connection, at which a proxy used to lose requests.
IDLE_S = 5.3
REPORT = {"num_transactions": 1}


@dataclass
class Front:
    """The service, nginx before it, and whom clients trust."""

    server: ServerProcess
    nginx: Nginx
    trust: ssl.SSLContext

    @asynccontextmanager
    async def client(self, address: str = "127.0.0.1", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """Come from an address of this machine, by the public name."""
        transport = httpx.AsyncHTTPTransport(verify=self.trust, local_address=address)
        async with httpx.AsyncClient(
            transport=_Named(transport),
            base_url=f"https://127.0.0.1:{self.nginx.port}",
            headers={"Host": NAME, **headers},
            timeout=30,
        ) as client:
            yield client

    def watch(self, name: str = NAME, origin: str = PUBLIC, query: str = "") -> connect:
        """Open a WebSocket through nginx."""
        to: dict[str, Any] = {"host": "127.0.0.1", "port": self.nginx.port, "ssl": self.trust, "server_hostname": NAME}
        return connect(f"wss://{name}/api/ws{query}", origin=Origin(origin), **to)

    def kept_connections(self) -> set[int]:
        """The ports from which nginx is connected to the server, as the system lists them."""
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        to_server = f":{self.server.port:04X}"
        return {int(row[1].partition(":")[2], 16) for row in rows if row[2].endswith(to_server) and row[3] == "01"}


class _Named(httpx.AsyncBaseTransport):
    """Asks for the name in TLS, too, although the URL has an address."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": NAME}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.fixture(scope="module")
async def front(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    settings = {
        "DATABASE_URL": await create_database(postgres),
        "PUBLIC_BASE_URL": PUBLIC,
        "TRUSTED_PROXIES": "127.0.0.1",
        "SIMULATED_MS_PER_TRANSACTION": "0",
        "RATE_LIMIT_SYNC": "off",
        "RATE_LIMIT_ASYNC": "9/hour",
    }
    with (
        server_process(tmp_path_factory.mktemp("data"), **settings) as server,
        nginx_before(server.port, NAME, certificates, tmp_path_factory.mktemp("nginx")) as nginx,
    ):
        yield Front(server, nginx, ssl.create_default_context(cafile=certificates / "ca.pem"))


async def test_no_request_is_lost_on_kept_connections(front: Front) -> None:
    async def post(number: int) -> list[int]:
        async with front.client() as client:
            # Some pause in between: nginx has connections to spare, and takes another one now and then.
            statuses = []
            for turn in range(POSTS // CLIENTS):
                statuses.append((await client.post("/api/sync", json=REPORT)).status_code)
                await asyncio.sleep((turn * number) % 7 / 1_000)
            return statuses

    answers = await asyncio.gather(*map(post, range(CLIENTS)))

    assert Counter(status for statuses in answers for status in statuses) == {200: POSTS}
    assert 1 <= len(front.kept_connections()) <= CLIENTS
    assert "[error]" not in front.nginx.errors


async def test_the_log_of_nginx_has_no_query_strings(front: Front) -> None:
    async with front.client() as client:
        await client.head("/api/events", params={"ticket": "s3cr3t"})
        await client.get(f"http://127.0.0.1:{front.nginx.plain_port}/", params={"ticket": "s3cr3t"})
    async with front.watch(query="?unknown=s3cr3t"):
        pass

    lines = ('"HEAD /api/events HTTP', '"GET / HTTP', '"GET /api/ws HTTP')

    def logged() -> str:
        return (front.nginx.folder / "access.log").read_text()

    await eventually(lambda: all(line in logged() for line in lines))
    assert "s3cr3t" not in logged()


async def test_idle_connections_and_websockets_outlive_a_pause(front: Front) -> None:
    async with front.client() as client, front.watch() as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
        assert (await client.post("/api/sync", json=REPORT)).status_code == 200
        kept = front.kept_connections()
        await asyncio.sleep(IDLE_S)
        still_kept = front.kept_connections()
        again = await client.post("/api/sync", json=REPORT)
        async with asyncio.timeout(5):
            while (event := json.loads(await socket.recv()))["type"] != "request.updated":
                pass

    assert kept
    assert still_kept == kept
    assert again.status_code == 200
    assert event["data"]["request_id"]


async def test_a_connection_is_idle_for_as_long_as_is_set(database_url: str, tmp_path: Path) -> None:
    with server_process(tmp_path, DATABASE_URL=database_url, KEEP_ALIVE_SECONDS="1") as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /api/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began_s = asyncio.get_running_loop().time()
        async with asyncio.timeout(4):
            answer = await reader.read()  # until it is closed
        took_s = asyncio.get_running_loop().time() - began_s
        writer.close()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert 0.9 < took_s < 3
    # nginx keeps an idle connection for 60 s, as do load balancers: whoever sends ends it, or what is sent is lost.
    assert Settings(_env_file=None).keep_alive_seconds > 60


async def test_our_page_watches_through_a_proxy_and_no_other_does(front: Front) -> None:
    async with front.watch() as socket:
        assert json.loads(await socket.recv())["type"] == "hello"
    for name, origin, status in ((NAME, "https://evil.example", 403), ("evil.example", "https://evil.example", 421)):
        with pytest.raises(InvalidStatus) as refused:
            async with front.watch(name, origin):
                pass
        assert refused.value.response.status_code == status


async def test_our_page_changes_things_through_a_proxy_and_no_other_does(front: Front) -> None:
    async with front.client() as client:
        ours = await client.delete("/api/callbacks/history", headers={"Origin": PUBLIC})
        foreign = await client.delete("/api/callbacks/history", headers={"Origin": "https://evil.example"})
        plain = await client.delete("/api/callbacks/history", headers={"Origin": f"http://{NAME}:8000"})
        claimed = await client.delete(
            "/api/callbacks/history", headers={"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"}
        )
        rebound = await client.get("/api/callbacks/signing-secret", headers={"Host": "evil.example"})

    assert [answer.status_code for answer in (ours, foreign, plain, claimed, rebound)] == [200, 403, 403, 403, 421]


async def test_callers_are_told_apart_by_what_the_proxy_forwards_and_not_by_what_they_claim(front: Front) -> None:
    async def remaining(address: str, **headers: str) -> int:
        async with front.client(address, **headers) as client:
            return int((await client.post("/api/async")).headers["x-ratelimit-remaining"])

    first = [await remaining("127.0.0.8"), await remaining("127.0.0.8")]
    other = await remaining("127.0.0.9")
    claiming = await remaining("127.0.0.8", **{"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"})
    proto = await remaining("127.0.0.8", **{"X-Forwarded-Proto": "http", "X-Real-IP": "198.51.100.1"})

    assert first == [8, 7]
    assert other == 8
    assert [claiming, proto] == [6, 5]


async def test_no_address_comes_from_the_headers_of_a_request(front: Front) -> None:
    claims = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "X-Forwarded-Port": "1"}
    async with front.client("127.0.0.7") as client:
        body = {"payload": REPORT, "callback_url": f"{PUBLIC}/api/callbacks/receive"}
        accepted = await client.post("/api/async", json=body, headers=claims)
        listed = await client.get("/api/requests?limit=1", headers=claims)

    assert accepted.status_code == 202, accepted.text
    assert accepted.headers["location"].startswith("/api/requests/")
    assert listed.headers["link"].startswith("</api/requests?")
    assert "evil" not in accepted.text + listed.text


async def test_an_offer_of_http_2_does_not_reach_the_service_and_its_body_does(front: Front) -> None:
    async with front.client() as client:
        offered = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
        answer = await client.post("/api/sync", json=REPORT, headers=offered)

    assert answer.status_code == 200, answer.text


async def test_a_body_that_is_too_large_is_a_problem_of_the_service(front: Front) -> None:
    async with front.client() as client:
        answer = await client.post("/api/sync", content=b" " * 70_000, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


async def test_plain_http_is_sent_to_https_at_the_public_name_alone(front: Front) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front.nginx.plain_port}") as client:
        answer = await client.get("/queue?x=1", headers={"Host": "evil.example"})

    assert (answer.status_code, answer.headers["location"]) == (301, f"{PUBLIC}/queue?x=1")


async def test_events_come_through_a_proxy_as_they_happen(front: Front) -> None:
    async with front.client("127.0.0.6") as client, client.stream("GET", "/api/events") as stream:
        lines = stream.aiter_lines()
        async with asyncio.timeout(5):
            while '"type":"hello"' not in await anext(lines):
                pass
            accepted = (await client.post("/api/sync", json=REPORT)).json()
            while accepted["request_id"] not in await anext(lines):
                pass

    assert stream.headers["content-type"].startswith("text/event-stream")
