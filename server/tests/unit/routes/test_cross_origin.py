"""Pages of other origins use the API exactly when they are named, and never with cookies."""

import httpx
import pytest
from pydantic import ValidationError

from src.app import create_app
from src.config import Settings
from src.routes.middleware.cors import REQUEST_HEADERS, RESPONSE_HEADERS
from tests.support.openapi import document

FRIEND = "https://app.example"
STRANGERS = ["https://evil.example", "null", "http://app.example", f"{FRIEND}.evil.example", f"{FRIEND}:8443", "*", ""]


def browsing(origins: str = f"{FRIEND},http://localhost:3000") -> httpx.AsyncClient:
    """Ask an application that is not running: what is asked here needs none of its parts."""
    app = create_app(Settings(_env_file=None, cors_allowed_origins=origins))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def preflight(origin: str, method: str = "POST", headers: str = "content-type,x-idempotency-key") -> dict[str, str]:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return {"Origin": origin, **asked}


def granted(answer: httpx.Response) -> set[str]:
    """Name what lets a page in."""
    told = {"access-control-allow-origin", "access-control-allow-credentials"}
    return {answer.headers[name] for name in told if name in answer.headers}


@pytest.mark.parametrize("origin", [FRIEND, "http://localhost:3000"])
async def test_a_named_origin_may_submit_and_read_the_headers_a_client_needs(origin: str) -> None:
    async with browsing() as client:
        asked = await client.options("/api/async", headers=preflight(origin))
        answers = [
            await client.get("/api/health/live", headers={"Origin": origin}),
            await client.post("/api/sync", content=b"", headers={"Origin": origin}),
            await client.post("/api/sync", content=b"x" * 70_000, headers={"Origin": origin}),
            await client.get("/api/nothing", headers={"Origin": origin}),
        ]

    assert asked.status_code == 200
    assert [answer.status_code for answer in answers] == [200, 415, 413, 404]
    for answer in (asked, *answers):
        assert granted(answer) == {origin}
        assert "Origin" in answer.headers["vary"]
    for answer in answers:
        assert answer.headers["access-control-expose-headers"].split(", ") == list(RESPONSE_HEADERS)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_another_origin_gets_no_permission_and_its_preflight_is_a_problem(origin: str) -> None:
    async with browsing() as client:
        asked = await client.options("/api/async", headers=preflight(origin))
        answer = await client.get("/api/health/live", headers={"Origin": origin})

    assert (asked.status_code, asked.headers["content-type"]) == (400, "application/problem+json")
    assert granted(asked) == granted(answer) == set()


@pytest.mark.parametrize("name", REQUEST_HEADERS)
async def test_a_named_origin_may_send_each_header_that_the_api_reads(name: str) -> None:
    async with browsing() as client:
        asked = await client.options("/api/async", headers=preflight(FRIEND, headers=f"content-type,{name.lower()}"))

    assert asked.status_code == 200
    assert name in asked.headers["access-control-allow-headers"].split(", ")


def test_the_headers_are_those_of_the_contract() -> None:
    assert set(REQUEST_HEADERS) >= {
        *("Authorization", "X-API-Key", "Prefer", "Idempotency-Key", "X-Idempotency-Key", "If-Match", "If-None-Match"),
        *("If-Range", "Range", "Last-Event-ID", "traceparent", "X-Request-ID"),
    }
    assert set(RESPONSE_HEADERS) >= {
        *("Location", "Link", "ETag", "Retry-After", "Preference-Applied", "WWW-Authenticate", "X-Request-ID"),
        *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
    }


async def test_a_named_origin_may_use_every_method_that_an_operation_has() -> None:
    operations = document()["paths"].values()
    methods = {method.upper() for path in operations for method in path}
    async with browsing() as client:
        statuses = {
            method: (await client.options("/api/async", headers=preflight(FRIEND, method))).status_code
            for method in methods
        }

    assert statuses == dict.fromkeys(methods, 200)


@pytest.mark.parametrize(("method", "headers"), [("PATCH", ""), ("POST", "cookie"), ("POST", "x-benchmark-token")])
async def test_a_named_origin_gets_no_more_than_the_api_needs(method: str, headers: str) -> None:
    async with browsing() as client:
        asked = await client.options("/api/async", headers=preflight(FRIEND, method, headers))

    assert asked.status_code == 400


async def test_without_the_setting_no_other_origin_is_let_in() -> None:
    async with browsing(origins="") as client:
        asked = await client.options("/api/async", headers=preflight(FRIEND))
        answer = await client.get("/api/health/live", headers={"Origin": FRIEND})

    assert granted(asked) == granted(answer) == set()
    assert asked.status_code == 405


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "app.example", "https://*.example", "https://App.example", "https://app.example/", "ftp://x.example",
     "https://app.example:443", "http://app.example:80", "https://user@app.example", "https://app.example:0", "https://",
     "https://app..example", "https://app.example?", "https://ex\u00e4mple.example"],
)  # fmt: skip
def test_what_no_browser_sends_is_refused_at_the_start(origin: str) -> None:
    with pytest.raises(ValidationError, match="as browsers send it") as refused:
        Settings(_env_file=None, cors_allowed_origins=f"{FRIEND},{origin}")

    assert [error["loc"] for error in refused.value.errors()] == [("cors_allowed_origins", 1)]


@pytest.mark.parametrize(
    "origin", ["https://app.example", "http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:3000"]
)
def test_what_browsers_send_is_accepted(origin: str) -> None:
    assert Settings(_env_file=None, cors_allowed_origins=origin).cors_allowed_origins == (origin,)
