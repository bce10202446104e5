"""What a browser sends for another website is refused, whichever operation it is for."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.types import Message

from src.app import create_app
from src.config import SERVER_FOLDER, Settings
from src.routes.middleware.same_origin import HOSTS_REMEMBERED_MAX, HostNames
from tests.support.openapi import document

PUBLIC = "https://reports.example"
FRIEND = "https://app.example"
SETTINGS: dict[str, Any] = {
    "public_base_url": PUBLIC,
    "cors_allowed_origins": FRIEND,
    "allowed_hosts": "server, .internal.example",
}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
OURS = ["127.0.0.1", "127.0.0.1:8000", "8.8.8.8", "[::1]", "[::1]:8000", "[2001:db8::5]:443", "localhost",
        "localhost:5173", "LocalHost:8000", "localhost.", "localhost:", "reports.example", "reports.example:443",
        "REPORTS.example.", "server:8000", "internal.example", "a.internal.example:9",
        "a.b.internal.example"]  # fmt: skip
FOREIGN = ["evil.example", "evil.example:8000", "reports.example.evil.example", "evilreports.example",
           "evilinternal.example", "127.0.0.1.evil.example", "localhost.evil.example", "sub.localhost", "app.example",
           "www.reports.example", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1", "::1", "[fe80::1%25lo]",
           "[127.0.0.1]", "user@localhost", "localhost/", "localhost:8000:1", "localhost:x", "localhost:123456",
           "localhost..", ".localhost", "local host", "localhost,evil.example", "", ".", "*", "ex\u00e4mple",
           "localhost" + " " * 300]  # fmt: skip


@cache  # making one takes a while, and nothing that is asked here changes it
def application(**settings: Any) -> FastAPI:
    return create_app(Settings(_env_file=None, **{**SETTINGS, **settings}))


def asking(app: FastAPI) -> httpx.AsyncClient:
    """Ask an application that is not running: what is refused needs none of its parts, the rest is a 500."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost:8000")


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path that something answers, from the routes themselves."""
    for route in app.router.routes:
        path = re.sub(r"{\w+(:\w+)?}", "x", getattr(route, "path", "/"))
        for method in getattr(route, "methods", None) or ["GET"]:
            yield method, path


def test_the_operations_that_are_asked_here_are_all_that_are_documented() -> None:
    documented = {
        (method.upper(), re.sub(r"{\w+}", "x", path))
        for path, methods in document()["paths"].items()
        for method in methods
    }

    assert len(documented) > 30
    assert documented - set(operations(application())) == set()


async def test_every_operation_refuses_a_foreign_host() -> None:
    app = application()
    async with asking(app) as client:
        for method, path in operations(app):
            for headers in ({"Host": "evil.example:8000"}, {"Host": "evil.example", "Origin": "http://evil.example"}):
                answer = await client.request(method, path, headers=headers)

                assert answer.status_code == 421, (method, path)
                assert answer.headers["content-type"] == "application/problem+json"
                assert "evil" not in answer.text
                assert method == "HEAD" or "ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "https://localhost:8000"},
        {"Origin": "http://reports.example"},
        {"Origin": FRIEND.upper()},
        {"Origin": f"{FRIEND}:8443"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_every_unsafe_operation_refuses_a_foreign_origin(headers: dict[str, str]) -> None:
    app = application()
    asked = [(method, path) for method, path in operations(app) if method in UNSAFE]
    async with asking(app) as client:
        answers = {each: await client.request(*each, headers=headers) for each in asked}

    assert len(asked) > 12
    assert ("POST", "/api/callbacks/receive") in asked
    assert {each: answer.status_code for each, answer in answers.items() if answer.status_code != 403} == {}
    assert {answer.json()["type"].rpartition(":")[2] for answer in answers.values()} == {"cross-origin"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"},
        {"Origin": PUBLIC, "Host": "127.0.0.1:8000"},
        {"Origin": "http://localhost:5173", "Host": "localhost:5173"},
        {"Origin": "http://server", "Host": "server:80"},
        {"Origin": "http://[::1]:8000", "Host": "[::1]:8000"},
    ],
)
async def test_our_own_page_a_named_origin_and_programs_may_change_things(headers: dict[str, str]) -> None:
    app = application()
    asked = [each for each in operations(app) if each[0] in UNSAFE]
    async with asking(app) as client:
        answers = [await client.request(*each, headers=headers) for each in asked]
    refused = {answer.json()["type"].rpartition(":")[2] for answer in answers if answer.status_code == 403}

    assert {400, 421}.isdisjoint(answer.status_code for answer in answers)
    assert refused <= {"scope-missing"}  # keys, which are not for callers without credentials


async def test_two_origins_are_foreign_also_when_both_are_ours() -> None:
    async with asking(application()) as client:
        answer = await client.post("/api/sync", headers=[("Origin", PUBLIC), ("Origin", PUBLIC)])

    assert answer.status_code == 403


async def test_reading_needs_no_origin_of_ours_because_the_answer_cannot_be_read_or_embedded() -> None:
    async with asking(application()) as client:
        answer = await client.get("/api/health/live", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("host", OURS)
async def test_an_address_localhost_and_the_names_that_are_set_are_ours(host: str) -> None:
    async with asking(application()) as client:
        assert (await client.get("/api/health/live", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_any_other_host_is_not_ours_however_it_is_written(host: str) -> None:
    async with asking(application()) as client:
        answer = await client.get("/api/health/live", headers=[(b"host", host.encode("latin-1"))])

    assert answer.status_code == 421


async def test_a_server_that_listens_on_a_name_answers_to_it() -> None:
    async with asking(application(host="Reports-Box")) as client:
        assert (await client.get("/api/health/live", headers={"Host": "reports-box:8000"})).status_code == 200


async def test_no_host_or_two_are_malformed() -> None:
    for hosts in ([], [(b"host", b"localhost")] * 2):
        messages = await over_websocket(application(), *hosts)

        assert messages[0]["status"] == 400


async def test_the_protocol_that_knows_no_host_needs_none() -> None:
    for version, status in (("1.0", 403), ("1.1", 400)):
        messages = await over_websocket(application(), (b"origin", b"null"), http_version=version)

        assert messages[0]["status"] == status


async def test_a_websocket_is_refused_before_the_upgrade_with_a_status_that_says_why() -> None:
    app = application()
    foreign_host = await over_websocket(app, (b"host", b"evil.example"), (b"origin", b"http://evil.example"))
    foreign_origin = await over_websocket(app, (b"host", b"localhost:8000"), (b"origin", b"https://evil.example"))
    without_words = await over_websocket(app, (b"host", b"evil.example"), extensions={})

    assert [(message["type"], message.get("status")) for message in foreign_host] == [
        ("websocket.http.response.start", 421),
        ("websocket.http.response.body", None),
    ]
    assert foreign_origin[0]["status"] == 403
    assert b"x-request-id" in dict(foreign_host[0]["headers"])
    assert without_words == [{"type": "websocket.close"}]


async def over_websocket(
    app: FastAPI, *headers: tuple[bytes, bytes], extensions: dict[str, Any] | None = None, http_version: str = "1.1"
) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "http_version": http_version,
        "path": "/api/ws",
        "raw_path": b"/api/ws",
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 50_000),
        "extensions": {"websocket.http.response": {}} if extensions is None else extensions,
    }
    await app(scope, receive, send)
    return sent


async def test_refusals_come_before_rate_limits_and_cost_nobody_a_request() -> None:
    async with asking(application(rate_limit_sync="1/minute")) as client:
        for headers, status in (({"Origin": "null"}, 403), ({"Host": "evil.example"}, 421)):
            assert (await client.post("/api/sync", headers=headers)).status_code == status
        allowed = await client.post("/api/sync")
        refused = await client.post("/api/sync", headers={"Origin": "null"})

    assert (allowed.status_code, allowed.headers["x-ratelimit-remaining"]) == (415, "0")
    assert refused.status_code == 403


def test_hosts_that_were_looked_at_are_remembered_in_bounded_memory() -> None:
    names = HostNames(["server"])
    for number in range(HOSTS_REMEMBERED_MAX * 2):
        assert names.own_origin(b"%d.evil.example" % number, "http") is None
    assert names.own_origin(b"Server:80", "http") == b"http://server"

    assert names.own_origin.cache_info().currsize == HOSTS_REMEMBERED_MAX


@pytest.mark.parametrize(
    "name", ["*", "*.example.com", "https://a.example", "a.example:80", "[::1]", ".", "a b", "a..b"]
)
def test_a_name_that_no_host_can_be_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(ValidationError, match="as it appears in a URL"):
        Settings(_env_file=None, allowed_hosts=f"good.example,{name}")


@pytest.mark.parametrize(
    "url", ["http://a:70000", "http://a:0", "http://[:::]", "http://\u00fc.example", "http://a/b", "ftp://a"]
)
def test_a_base_url_that_no_browser_could_ask_for_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="public_base_url"):
        Settings(_env_file=None, public_base_url=url)


def test_the_public_origin_is_written_as_browsers_write_it() -> None:
    written = {
        "https://Reports.Example:443": "https://reports.example",
        "http://reports.example:80": "http://reports.example",
        "http://reports.example:443": "http://reports.example:443",
        "http://[2001:DB8::1]:8000": "http://[2001:db8::1]:8000",
    }

    assert {url: Settings(_env_file=None, public_base_url=url).public_origin for url in written} == written


def test_docker_compose_lets_other_containers_call_the_service_by_its_name() -> None:
    compose = (SERVER_FOLDER.parent / "docker-compose.yml").read_text()
    services = re.findall(r"^  (\w+):\n    (?:image|build):", compose, re.MULTILINE)
    written = re.search(r"ALLOWED_HOSTS: (\S+)", compose)

    assert "server" in services
    assert written is not None
    assert Settings(_env_file=None, allowed_hosts=written[1].replace("${ALLOWED_HOSTS:-}", "")).allowed_hosts == (
        "server",
    )
