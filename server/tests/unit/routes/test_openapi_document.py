"""The OpenAPI document: written once, and not sent again to whoever has it."""

import httpx

from src.app import create_app
from src.config import Settings


def client_of_an_app() -> httpx.AsyncClient:
    app = create_app(Settings(_env_file=None))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost")


async def test_who_has_the_document_is_told_so_without_it() -> None:
    async with client_of_an_app() as client:
        first = await client.get("/openapi.json")
        again = await client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
        other = await client.get("/openapi.json", headers={"If-None-Match": '"another"'})

    assert (first.status_code, first.headers["content-type"]) == (200, "application/json")
    assert (again.status_code, again.content) == (304, b"")
    assert (other.status_code, other.content) == (200, first.content)


async def test_a_precondition_that_fails_is_a_problem() -> None:
    async with client_of_an_app() as client:
        answer = await client.get("/openapi.json", headers={"If-Match": '"another"'})

    assert answer.status_code == 412
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_document_is_not_written_for_each_request() -> None:
    app = create_app(Settings(_env_file=None))

    assert app.openapi() is app.openapi()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client:
        assert (await client.get("/openapi.json")).json() == app.openapi()
