"""Bad input gets a clear 4xx problem, and nothing is stored."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.databases import create_database, folder_for_postgres
from tests.support.receivers import Receiver, serving
from tests.support.service import Service, running_service

JSON = {"content-type": "application/json"}

BAD_PARAMETERS: list[tuple[str, dict[str, Any]]] = [
    ("zero rows", {"num_transactions": 0}),
    ("negative rows", {"num_transactions": -1}),
    ("fractional rows", {"num_transactions": 1.5}),
    ("whole float", {"num_transactions": 5.0}),
    ("huge rows", {"num_transactions": 10**30}),
    ("beyond 64 bits", {"num_transactions": 2**64}),
    ("too many rows", {"num_transactions": 1_000_001}),
    ("rows as text", {"num_transactions": "5"}),
    ("rows as truth", {"num_transactions": True}),
    ("rows as null", {"num_transactions": None}),
    ("rows as list", {"num_transactions": [5]}),
    ("empty name", {"report_name": ""}),
    ("long name", {"report_name": "x" * 101}),
    ("very long name", {"report_name": "x" * 10_000}),
    ("name with NUL", {"report_name": "a\0b"}),
    ("name with line break", {"report_name": "a\nb"}),
    ("name with a line separator", {"report_name": "a\u2028b"}),
    ("name as number", {"report_name": 5}),
    ("name as null", {"report_name": None}),
    ("seed as null", {"seed": None}),
    ("seed as text", {"seed": "1"}),
    ("seed beyond what JSON keeps", {"seed": 2**53}),
    ("half a period", {"period_start": "2026-01-01"}),
    ("empty period", {"period_start": "2026-01-01", "period_end": "2026-01-01"}),
    ("backward period", {"period_start": "2026-02-01", "period_end": "2026-01-01"}),
    ("endless period", {"period_start": "0001-01-01", "period_end": "9999-12-31"}),
    ("no such day", {"period_start": "2026-02-30", "period_end": "2026-03-01"}),
    ("date as a number", {"period_start": 0, "period_end": 1}),
    ("date with a time", {"period_start": "2026-01-01T00:00:00", "period_end": "2026-01-02"}),
    ("unknown currency", {"currency": "XXQ"}),
    ("small letters", {"currency": "usd"}),
    ("unknown field", {"surprise": 1}),
]

BROKEN_BODIES: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("half an object", b'{"num_transactions":'),
    ("NaN", b'{"num_transactions": NaN}'),
    ("Infinity", b'{"num_transactions": Infinity}'),
    ("1e999", b'{"num_transactions": 1e999}'),
    ("lone surrogate", b'{"report_name": "\\ud800"}'),
    ("lone surrogate as a field", b'{"\\ud800": 1}'),
    ("not UTF-8", b'{"report_name": "\xff"}'),
    ("UTF-8 surrogate", b'{"report_name": "\xed\xa0\x80"}'),
    ("UTF-16", '{"report_name": "a"}'.encode("utf-16")),
    ("byte order mark", b'\xef\xbb\xbf{"report_name": "a"}'),
    ("deep", b"[" * 900 + b"]" * 900),
    ("very deep", b"[" * 30_000),
    ("5,000 digits", b'{"num_transactions": ' + b"9" * 5_000 + b"}"),
    ("a list", b"[]"),
    ("a text", b'"x"'),
    ("null", b"null"),
    ("two values", b"{}{}"),
    ("a name twice", b'{"report_name": "a", "report_name": "a"}'),
    ("a name twice, once escaped", b'{"seed": 1, "se\\u0065d": 1}'),
    ("a name twice, further in", b'{"payload": {"seed": 1, "seed": 2}, "callback_url": "http://example.com/"}'),
    ("a name twice among many", b'{"x": [{"a": {"b": "c"}}, "", {"": "", "\\"": 1, "": []}]}'),
]

FORBIDDEN_URLS = [
    "http://localhost/x",
    "http://127.0.0.1/x",
    "http://127.1/x",
    "http://2130706433/x",
    "http://0x7f.1/x",
    "http://[::1]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://10.0.0.1/x",
    "http://172.16.0.1/x",
    "http://192.168.0.1/x",
    "http://169.254.169.254/latest/meta-data",
    "http://metadata.google.internal/",
    "http://100.64.0.1/x",
    "http://0.0.0.0/x",
    "http://user:password@example.com/x",
    "http://example.com:22/x",
    "http://example.com:0/x",
    "http://example.com:65536/x",
    "http://example.com/x#fragment",
    "http://exa mple.com/x",
    "http://ex\u00e4mple.com/x",
    "http:\\\\example.com\\x",
    "http://example.com\\@127.0.0.1/x",
    "ftp://example.com/x",
    "file:///etc/passwd",
    "gopher://example.com/",
    "javascript:alert(1)",
    "//example.com/x",
    "example.com",
    "",
    "http://" + "a" * 64 + ".example.com/",
    "http://example.com/" + "x" * 2_048,
    "http://a..b/",
]


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    """Serve one receiver for all of these tests: nothing is ever sent to it."""
    async with serving(Receiver()) as receiver:
        yield receiver


@pytest.fixture(scope="module")
async def service(postgres: str, receiver: Receiver) -> AsyncIterator[Service]:
    """Run one service for all of these tests: nothing is ever stored, so none disturbs another."""
    with folder_for_postgres() as folder:
        url = await create_database(postgres)
        async with running_service(url, folder, callback_allowed_origins=(receiver.origin,)) as service:
            yield service


def assert_problem(answer: Any, status: int) -> None:
    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["title"]
    assert problem["instance"].startswith("/api/")


@pytest.mark.parametrize(("what", "parameters"), BAD_PARAMETERS, ids=[what for what, _ in BAD_PARAMETERS])
async def test_bad_parameters_are_a_422_that_names_the_field(
    service: Service, receiver: Receiver, what: str, parameters: dict[str, Any]
) -> None:
    sync_answer = await service.client.post("/api/sync", json=parameters)
    async_answer = await service.client.post("/api/async", json={"payload": parameters, "callback_url": receiver.url})

    assert_problem(sync_answer, 422)
    assert_problem(async_answer, 422)
    assert all(isinstance(error["pointer"], str) and error["detail"] for error in sync_answer.json()["errors"])
    assert await service.count() == 0


@pytest.mark.parametrize(("what", "body"), BROKEN_BODIES, ids=[what for what, _ in BROKEN_BODIES])
async def test_a_broken_body_is_a_4xx(service: Service, what: str, body: bytes) -> None:
    for path in ("/api/sync", "/api/async"):
        answer = await service.client.post(path, content=body, headers=JSON)

        assert_problem(answer, answer.status_code)
        assert answer.status_code in {400, 422}
    assert await service.count() == 0


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
async def test_a_forbidden_callback_url_is_a_422_that_names_the_rule(service: Service, url: str) -> None:
    answer = await service.client.post("/api/async", json={"payload": {}, "callback_url": url})

    assert_problem(answer, 422)
    assert answer.json()["errors"][0]["pointer"] == "/callback_url"
    assert await service.count() == 0


async def test_sync_names_the_way_for_larger_reports(service: Service) -> None:
    answer = await service.client.post("/api/sync", json={"num_transactions": 1_001})

    assert_problem(answer, 422)
    assert "/api/async" in answer.json()["detail"]


async def test_a_body_over_64_kib_is_a_413(service: Service) -> None:
    async def in_pieces() -> Any:
        for _ in range(16):
            yield b" " * 65_536

    whole = await service.client.post("/api/sync", content=b" " * 1_000_000, headers=JSON)
    pieces = await service.client.post("/api/sync", content=in_pieces(), headers=JSON)

    assert_problem(whole, 413)
    assert_problem(pieces, 413)


async def test_another_content_type_is_a_415(service: Service) -> None:
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
        answer = await service.client.post("/api/sync", content=b"{}", headers={"content-type": content_type})

        assert_problem(answer, 415)


async def test_a_name_that_looks_like_a_path_is_only_a_name(service: Service) -> None:
    result = (await service.client.post("/api/sync", json={"report_name": "../../x"})).json()

    stored = [path.name for path in service.settings.reports_folder.iterdir()]
    await service.client.delete(f"/api/requests/{result['request_id']}")

    assert result["report_name"] == "../../x"
    assert result["file_name"] == f"{result['request_id']}.csv"
    assert stored == [result["file_name"]]


@pytest.mark.parametrize("request_id", ["4fa35351-327f-44fb-a888-11b69b272e65", "x", "%00", "1" * 300, "{}"])
async def test_an_unknown_or_malformed_id_is_a_404(service: Service, request_id: str) -> None:
    path = f"/api/requests/{request_id}"

    assert_problem(await service.client.get(path), 404)
    assert_problem(await service.client.delete(path), 404)
    assert_problem(await service.client.get(f"{path}/callback-logs"), 404)
    assert_problem(await service.client.post(f"{path}/redeliver"), 404)


async def test_an_unknown_path_is_a_404_and_an_unknown_method_a_405(service: Service) -> None:
    assert_problem(await service.client.get("/api/nothing"), 404)
    assert_problem(await service.client.put("/api/sync", json={}), 405)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/sync", "POST"),
        ("/api/requests", "GET, HEAD, DELETE"),
        ("/api/requests/counts", "GET, HEAD"),
        ("/api/requests/x", "GET, HEAD, DELETE"),
        ("/api/requests/x/redeliver", "POST"),
        ("/api/reports/x.csv", "GET, HEAD"),
        ("/api/callbacks/simulate-failures", "GET, HEAD, POST"),
        ("/api/callbacks/history", "GET, HEAD, DELETE"),
        ("/docs", "GET, HEAD"),
        ("/docs-assets/swagger-ui.css", "GET, HEAD"),
        ("/", "GET, HEAD"),
    ],
)
async def test_a_405_names_every_method_of_the_path(service: Service, path: str, methods: str) -> None:
    for method in ("PATCH", "OPTIONS", "TRACE", "BREW"):
        answer = await service.client.request(method, path)

        assert answer.status_code == 405
        assert answer.headers["allow"] == methods
        assert answer.json()["status"] == 405


@pytest.mark.parametrize("path", ["/api/health/live", "/api/requests", "/api/settings", "/docs", "/openapi.json", "/"])
async def test_head_is_answered_as_get_without_the_body(service: Service, path: str) -> None:
    call = {"X-Request-ID": "one-call"}
    whole, head = await service.client.get(path, headers=call), await service.client.head(path, headers=call)

    assert (head.status_code, head.content) == (200, b"")
    assert {name: value for name, value in head.headers.items() if name != "date"} == dict(whole.headers)


async def test_head_is_not_answered_where_get_is_not(service: Service) -> None:
    assert (await service.client.head("/api/sync")).status_code == 405
    assert (await service.client.head("/api/nothing")).status_code == 404
    assert (await service.client.head("/api/requests/x")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=a%0Ab",
        "limit=0",
        "limit=201",
        "limit=x",
        "mode=both",
        "status=done",
        "callback_status=x",
        "cursor=nonsense",
    ],
)
async def test_a_wrong_query_is_a_422(service: Service, query: str) -> None:
    assert_problem(await service.client.get(f"/api/requests?{query}"), 422)


@pytest.mark.parametrize("path", ["/api/sync/", "/api/requests/", "/api/health/"])
async def test_nobody_is_sent_to_where_the_host_header_says(service: Service, path: str) -> None:
    foreign = await service.client.post(path, json={}, headers={"host": "evil.example"})
    answer = await service.client.post(path, json={})

    assert_problem(foreign, 421)
    assert_problem(answer, 404)
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("POST", "/api/sync/", "/api/sync"),
        ("POST", "/api/async//", "/api/async"),
        ("GET", "/api/requests/", "/api/requests"),
        ("GET", "/api/requests/<x>/", "/api/requests/{request_id}"),
        ("POST", "/api/requests/<x>/redeliver/", "/api/requests/{request_id}/redeliver"),
    ],
)
async def test_a_slash_too_many_is_named_as_what_is_wrong(service: Service, method: str, path: str, meant: str) -> None:
    answer = await service.client.request(method, path)

    assert_problem(answer, 404)
    assert answer.json()["detail"].endswith(f"it would be {meant}.")


@pytest.mark.parametrize("path", ["/api/nothing/", "/api/", "/api/nothing"])
async def test_where_a_slash_is_not_what_is_wrong_nothing_is_said_of_it(service: Service, path: str) -> None:
    answer = await service.client.get(path)

    assert_problem(answer, 404)
    assert "slash" not in answer.json()["detail"]


async def test_a_receiver_that_cannot_be_one_is_a_422(service: Service) -> None:
    assert_problem(await service.client.post("/api/receivers/%00/resume"), 422)


async def test_no_answer_repeats_hostile_input(service: Service) -> None:
    marker = "<script>alert(1)</script>"
    answers = [
        await service.client.post("/api/sync", json={marker: 1}),
        await service.client.post("/api/sync", json={"currency": marker}),
        await service.client.post("/api/async", json={"payload": {}, "callback_url": f"http://{marker}"}),
        await service.client.get("/api/requests", params={"cursor": marker}),
    ]

    assert all(marker not in answer.text for answer in answers)


async def test_the_path_of_a_websocket_refuses_plain_http(service: Service) -> None:
    for method in ("GET", "POST", "PATCH", "OPTIONS"):
        answer = await service.client.request(method, "/api/ws")

        assert answer.status_code in {404, 405, 426}
        assert answer.headers["content-type"] == "application/problem+json"
