"""The OpenAPI document: written once, and not sent again to whoever has it."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI

from src.app import create_app
from src.config import Settings
from src.routes.wire.glossary import GLOSSARY
from tests.support.openapi import document


@cache
def app() -> FastAPI:
    return create_app(Settings(_env_file=None))


def client_of_an_app() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app()), base_url="http://localhost")


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
    assert app().openapi() is app().openapi()
    async with client_of_an_app() as client:
        assert (await client.get("/openapi.json")).json() == app().openapi()


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the path, the method and the description of each operation."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_operations_have_ids_that_people_would_give_them() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))
    assert {"submit_async_report", "submit_sync_report", "get_request", "download_report"} <= set(ids)
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", one)] == []


def test_every_group_of_operations_is_described() -> None:
    written = document()
    described = {tag["name"] for tag in written["tags"] if tag["description"]}

    assert {tag for _, _, operation in operations() for tag in operation["tags"]} <= described
    assert written["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


def test_every_response_names_its_headers() -> None:
    written = document()
    for path, method, operation in operations():
        responses = operation["responses"]
        for status, response in responses.items():
            assert "X-Request-ID" in response["headers"], (path, method, status)
        for status in {"429", "503"} & set(responses):
            is_problem = "application/problem+json" in responses[status]["content"]
            assert ("Retry-After" in responses[status]["headers"]) == is_problem, (path, method, status)
    async_headers = written["paths"]["/api/async"]["post"]["responses"]["202"]["headers"]
    assert {"Location", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(async_headers)
    assert {"ETag", "Content-Range"} <= set(
        written["paths"]["/api/reports/{file}"]["get"]["responses"]["206"]["headers"]
    )


def test_whatever_a_response_contains_has_a_schema() -> None:
    without = [
        (path, method, status, media_type)
        for path, method, operation in operations()
        for status, response in operation["responses"].items()
        for media_type, content in response.get("content", {}).items()
        if not content.get("schema")
    ]

    assert without == []


def schemas() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = document()["components"]["schemas"]
    return found


def test_every_property_is_described() -> None:
    without = [
        f"{name}.{field}"
        for name, schema in schemas().items()
        for field, described in schema.get("properties", {}).items()
        if not described.get("description")
    ]

    assert without == []


def test_the_glossary_has_no_field_that_is_gone() -> None:
    fields = {field for schema in schemas().values() for field in schema.get("properties", {})}
    qualified = {f"{name}.{field}" for name, schema in schemas().items() for field in schema.get("properties", {})}

    assert [key for key in GLOSSARY if key not in (qualified if "." in key else fields)] == []
