"""Queries are read as strictly as bodies, by every operation in the document: a new one cannot be forgotten."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.routes.http.links import PARAMETERS
from src.services.identity.key_format import generate_key
from tests.support.databases import create_database, folder_for_postgres
from tests.support.openapi import document
from tests.support.service import Service, running_service

DOCUMENT = document()
OPERATORS_KEY = generate_key()
OPERATIONS = [(method, path) for path, item in DOCUMENT["paths"].items() for method in item]
IDS = [" ".join(operation) for operation in OPERATIONS]

INTEGERS = [
    "1_0",
    "+5",
    "%2B5",
    "5.0",
    " 5",
    "5 ",
    "%205",
    "5%0A",
    "0x5",
    "05",
    "5e0",
    "\u0665",
    "",
    "true",
    "-0",
    "--5",
]
NUMBERS = ["1_0.0", "%2B0.5", " 0.5", ".5", "0.", "0x1", "inf", "nan", "Infinity", "", "00.5"]
BOOLEANS = ["1", "0", "yes", "on", "True", "TRUE", "t", " true", "", "2"]
IDS_WRITTEN_OTHERWISE = ["4fa35351327f44fba88811b69b272e65", "{4fa35351-327f-44fb-a888-11b69b272e65}", "x", ""]
LENIENT = {"integer": INTEGERS, "number": NUMBERS, "boolean": BOOLEANS, "uuid": IDS_WRITTEN_OTHERWISE}


def parameters(method: str, path: str) -> dict[str, dict[str, Any]]:
    """The schemas of an operation's query parameters, by name; those of signed links are judged in another way."""
    listed = DOCUMENT["paths"][path][method].get("parameters", [])
    return {one["name"]: one["schema"] for one in listed if one["in"] == "query" and one["name"] not in PARAMETERS}


def kind_of(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return kind_of(next(one for one in schema["anyOf"] if one.get("type") != "null"))
    return "uuid" if schema.get("format") == "uuid" else schema.get("type", "")


def leniently_written() -> Iterator[tuple[str, str, str, str]]:
    for method, path in OPERATIONS:
        for name, schema in parameters(method, path).items():
            yield from ((method, path, name, value) for value in LENIENT.get(kind_of(schema), [""]))


LENIENTLY = list(leniently_written())


@pytest.fixture(scope="module")
async def service(postgres: str) -> AsyncIterator[Service]:
    """Run one service for all of these tests: nothing is ever changed, so none disturbs another."""
    with folder_for_postgres() as folder:
        async with running_service(
            await create_database(postgres), folder, bootstrap_admin_key=OPERATORS_KEY
        ) as service:
            yield service


async def ask(service: Service, method: str, path: str, query: str) -> httpx.Response:
    """Ask with a body that would be taken, so that only the query can be what is wrong."""
    url = path.replace("{", "x").replace("}", "x")
    bodies: dict[str, Any] = {"/api/callbacks/receive": None, "/api/batch": {"requests": [{}]}}
    has_body = "requestBody" in DOCUMENT["paths"][path][method]
    body = bodies.get(path, {}) if has_body else None
    needs_key = path.startswith(("/api/keys", "/api/accounts", "/api/webhook-secrets"))
    headers = {"Authorization": f"Bearer {OPERATORS_KEY}"} if needs_key else {}
    return await service.client.request(method, f"{url}?{query}", json=body, headers=headers)


def assert_refused(answer: httpx.Response, name: str) -> None:
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert name in [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=IDS)
async def test_an_unknown_parameter_is_refused_by_its_name(service: Service, method: str, path: str) -> None:
    answer = await ask(service, method, path, "state=FAILED")

    assert_refused(answer, "state")
    assert all(name in answer.json()["detail"] for name in parameters(method, path))
    assert "422" in DOCUMENT["paths"][path][method]["responses"]


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if parameters(*one)])
async def test_a_parameter_given_twice_is_refused(service: Service, method: str, path: str) -> None:
    for name in parameters(method, path):
        assert_refused(await ask(service, method, path, f"{name}=1&{name}=1"), name)


async def test_a_value_that_is_not_written_plainly_is_refused(service: Service) -> None:
    assert {kind_of(schema) for one in OPERATIONS for schema in parameters(*one).values()} >= set(LENIENT)
    for method, path, name, value in LENIENTLY:
        assert_refused(await ask(service, method, path, f"{name}={quote(value, safe='%')}"), name)


@pytest.mark.parametrize("query", ["q=%ff", "q=%ed%a0%80", "%ff=1"])
async def test_a_query_that_is_not_utf_8_is_refused(service: Service, query: str) -> None:
    assert_refused(await ask(service, "get", "/api/requests", query), "query")


async def test_a_hostile_name_is_not_repeated(service: Service) -> None:
    answer = await ask(service, "get", "/api/requests", "%3Cscript%3E=1")

    assert_refused(answer, "query")
    assert "script" not in answer.text


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/openapi.json"])
async def test_the_page_and_the_docs_ignore_what_they_do_not_know(service: Service, path: str) -> None:
    assert (await service.client.get(f"{path}?utm_source=x&limit=1_0")).status_code == 200


async def test_what_is_written_plainly_is_taken(service: Service) -> None:
    for query in ("limit=1", "limit=200&mode=sync&status=FAILED&q=a+b%20c", "callback_status=PENDING", "q=%C3%BC"):
        assert (await ask(service, "get", "/api/requests", query)).status_code == 200
    switches = "enabled=false&failure_rate=0.5&status_code=500&fail_next=0&hang=false"
    assert (await ask(service, "post", "/api/callbacks/simulate-failures", switches)).status_code == 200


NAMES = st.sampled_from(sorted({name for one in OPERATIONS for name in parameters(*one)}))
VALUES = st.one_of(st.text(max_size=60), st.integers().map(str), st.floats().map(str), st.uuids().map(str))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=3), operation=st.sampled_from(OPERATIONS))
async def test_no_query_is_a_500(service: Service, query: list[tuple[str, str]], operation: tuple[str, str]) -> None:
    if "benchmark" in operation[1] and operation[0] == "post":
        return  # one that is right would begin a run
    written = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in query)

    assert (await ask(service, *operation, written)).status_code < 500
