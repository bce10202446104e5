"""Every answer and every log line about it carry the id of the call."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from src.app import create_app
from src.config import Settings


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Ask an application that is not running: what is asked here needs none of its parts."""
    app = create_app(Settings(_env_file=None, rate_limit_sync="2/minute"))

    async def fail(_request: Request) -> Response:
        raise RuntimeError("nobody foresaw it")

    app.router.add_route("/api/fail", fail)
    app.router.routes.insert(0, app.router.routes.pop())
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_every_answer_names_its_call_errors_and_page_too(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/"),
        await client.get("/docs"),
        await client.get("/openapi.json"),
        await client.get("/docs-assets/swagger-ui.css"),
        await client.get("/api/health/live"),
        await client.get("/api/nothing"),
        await client.get("/api/requests/no-id"),
        await client.put("/api/sync"),
        await client.post("/api/async", content=b"x" * 70_000),
        *[await client.post("/api/sync", content=b"x") for _ in range(3)],
        await client.get("/api/fail"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]

    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, 200, 200, 200, 200, 404, 404, 405, 413, 415, 415, 429, 500]
    assert len(set(ids)) == len(answers)
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in answers)
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert "nobody foresaw it" not in answers[-1].text


@pytest.mark.parametrize("given", ["a", "A-z_0.9", "x" * 64, "01890b5c-7d0a-7c1e-9b1f-0123456789ab"])
async def test_a_harmless_id_of_the_caller_is_kept(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/api/health/live", headers={"X-Request-ID": given})

    assert answer.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", "a;b", "caf\u00e9", "a\x1b[31m", '"'])
async def test_any_other_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/api/health/live", headers=[(b"X-Request-ID", given.encode("utf-8"))])

    [told] = answer.headers.get_list("x-request-id")
    assert told != given
    assert len(told) == 16


async def test_the_id_of_a_call_is_not_the_id_of_a_report(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/nothing", headers={"X-Request-ID": "call-1"})

    assert "request_id" not in answer.json()
    assert "call-1" not in answer.text


async def test_while_debugging_every_call_is_one_line_without_its_query(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "src.routes.middleware.call_ids"):
        await client.get("/api/requests/x%0Aforged?token=secret")
    told = [record.getMessage() for record in caplog.records if record.name == "src.routes.middleware.call_ids"]

    assert len(told) == 1
    assert told[0].startswith("GET /api/requests/x%0Aforged: 422 after ")
