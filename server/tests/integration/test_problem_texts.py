"""Whoever is refused is told the true cause, and what to do; and a refusal changes nothing."""

import gzip
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from tests.support.database_state import fetch
from tests.support.databases import create_database, folder_for_postgres
from tests.support.service import Service, running_service

GOOD = b'{"num_transactions": 1}'
NO_SUCH = "4fa35351-327f-44fb-a888-11b69b272e65"
JSON = {"content-type": "application/json"}


class Refused(NamedTuple):
    """A request, and what its refusal has to say."""

    status: int
    slug: str
    words: tuple[str, ...]
    method: str = "POST"
    path: str = "/api/sync"
    body: bytes = b""
    headers: dict[str, str] = JSON
    answer_headers: dict[str, str] = {}  # noqa: RUF012  nobody changes it


def body(status: int, slug: str, content: bytes, *words: str, path: str = "/api/sync") -> Refused:
    return Refused(status, slug, words, path=path, body=content)


def media(words: tuple[str, ...], headers: dict[str, str], content: bytes = GOOD, **told: str) -> Refused:
    answer = {name.replace("_", "-"): value for name, value in told.items()}
    return Refused(415, "unsupported-media-type", words, body=content, headers=headers, answer_headers=answer)


def keyed(word: str, headers: dict[str, str]) -> Refused:
    return Refused(400, "malformed-request", (word,), body=GOOD, headers={**JSON, **headers})


def call(status: int, slug: str, method: str, path: str, *words: str) -> Refused:
    return Refused(status, slug, words, method, path, headers={})


INVALID, MALFORMED = "invalid-request", "malformed-request"
TABLE: dict[str, Refused] = {
    # sizes
    "too large for sync": body(
        422, INVALID, b'{"num_transactions": 10000000}', "1,000 ", "SYNC_MAX", "/api/async", "1,000,000"
    ),
    "far too large for sync": body(422, INVALID, b'{"num_transactions": 1%s}' % (b"0" * 40), "1,000 ", "/api/async"),
    "too large for async": body(
        422,
        INVALID,
        b'{"payload": {"num_transactions": 1000001}, "callback_url": "http://203.0.113.1/"}',
        "1,000,000",
        "ASYNC_MAX",
        path="/api/async",
    ),
    "too large for a benchmark": body(422, INVALID, b'{"num_transactions": 1001}', "1000", path="/api/benchmark/sync"),
    "too large a body": body(413, "body-too-large", b" " * 65_537, "65,536"),
    # how the body is sent
    "gzip": media(
        ("Content-Encoding",), {**JSON, "content-encoding": "gzip"}, gzip.compress(GOOD), accept_encoding="identity"
    ),
    "two codings": media(
        ("Content-Encoding",), {**JSON, "content-encoding": "identity, br"}, accept_encoding="identity"
    ),
    "no type": media(("no Content-Type", "application/json"), {}, accept="application/json"),
    "a form": media(
        ("application/json",), {"content-type": "application/x-www-form-urlencoded"}, accept="application/json"
    ),
    "another charset": media(
        ("charset", "UTF-8"), {"content-type": "application/json; charset=latin-1"}, accept="application/json"
    ),
    "gzip that is not called so": body(400, MALFORMED, gzip.compress(GOOD), "compressed"),
    # what is no JSON
    "nothing": body(422, INVALID, b"", "empty", "JSON object"),
    "nothing for a benchmark": body(422, INVALID, b"", "empty", "JSON object", path="/api/benchmark/both"),
    "blanks": body(400, MALFORMED, b" \r\n", "whitespace"),
    "a byte order mark": body(400, MALFORMED, b"\xef\xbb\xbf" + GOOD, "byte order mark"),
    "UTF-16": body(400, MALFORMED, GOOD.decode().encode("utf-16"), "UTF-16", "UTF-8"),
    "UTF-16 without a mark": body(400, MALFORMED, GOOD.decode().encode("utf-16-be"), "UTF-16", "UTF-8"),
    "UTF-32": body(400, MALFORMED, GOOD.decode().encode("utf-32"), "UTF-32", "UTF-8"),
    "latin-1": body(400, MALFORMED, '{"report_name": "\u00fc"}'.encode("latin-1"), "offset 17", "UTF-8"),
    "half an object": body(400, MALFORMED, b'{"num_transactions":', "unexpected end", "line 1, column 20"),
    "a comma too much": body(400, MALFORMED, b'{\n"num_transactions": 1,}', "comma", "line 2"),
    "NaN": body(400, MALFORMED, b'{"num_transactions": NaN}', "line 1"),
    "for a benchmark": body(400, MALFORMED, b'{"requests":', "unexpected end", "line 1", path="/api/benchmark/async"),
    "a name twice": body(400, MALFORMED, b'{"seed": 1, "seed": 1}', "duplicate name"),
    # what is JSON, and not what is asked for
    "a list": body(422, INVALID, b"[]", "JSON object"),
    "a list for a benchmark": body(422, INVALID, b"[]", "JSON object", path="/api/benchmark/both"),
    "an unknown field": body(422, INVALID, b'{"rows": 1}', "/rows", "no such field"),
    "a field in the wrong place": body(
        422, INVALID, b'{"num_transactions": 1, "callback_url": "x"}', "/num_transactions", path="/api/async"
    ),
    "a hostile field": body(422, INVALID, b'{"<b>": 1}', "unknown name"),
    "an empty callback": body(422, "callback-url-forbidden", b'{"callback_url": ""}', "scheme", path="/api/async"),
    "a forbidden callback": body(
        422,
        "callback-url-forbidden",
        b'{"callback_url": "http://10.0.0.1/"}',
        "CALLBACK_ALLOWED_ORIGINS",
        path="/api/async",
    ),
    "half a period": body(422, INVALID, b'{"period_start": "2026-01-01"}', "period_end"),
    "no such day": body(422, INVALID, b'{"period_start": "2026-02-30", "period_end": "2026-03-01"}', "/period_start"),
    # keys
    "two keys": keyed("once", {"idempotency-key": "a", "x-idempotency-key": "a"}),
    "a key with a space": keyed("spaces", {"idempotency-key": "a b"}),
    "a key that is not closed": keyed("visible", {"idempotency-key": '"a'}),
    # what is not there
    "no such path": call(404, "not-found", "GET", "/api/nothing", "openapi.json"),
    "another method": call(405, "method-not-allowed", "PUT", "/api/sync", "POST"),
    "no such request": call(404, "not-found", "GET", f"/api/requests/{NO_SUCH}", "no request"),
    "no such request to delete": call(404, "not-found", "DELETE", f"/api/requests/{NO_SUCH}", "no request"),
    "no such request to redeliver": call(404, "not-found", "POST", f"/api/requests/{NO_SUCH}/redeliver", "no request"),
    "no such report": call(404, "not-found", "GET", f"/api/reports/{NO_SUCH}.csv", "report", "COMPLETED"),
    "no report at all": call(404, "not-found", "GET", "/api/reports/x.pdf", "report", "COMPLETED"),
    "no such run": call(404, "not-found", "POST", f"/api/benchmark/runs/{NO_SUCH}/stop", "run"),
    "no such receiver": call(404, "not-found", "POST", "/api/receivers/example.com/resume", "GET /api/queue", "port"),
    # queries
    "no such parameter": call(422, INVALID, "GET", "/api/requests?state=FAILED", "state", "status"),
    "too many on a page": call(422, INVALID, "GET", "/api/requests?limit=201", "limit", "200"),
    "no such word": call(422, INVALID, "GET", "/api/requests?mode=both", "mode", "sync, async"),
    "a broken cursor": call(422, INVALID, "GET", "/api/requests?cursor=x", "cursor", "without one"),
    "a deletion with no such filter": call(422, INVALID, "DELETE", "/api/requests?state=FAILED", "state", "status"),
}


@pytest.fixture(scope="module")
async def service(postgres: str) -> AsyncIterator[Service]:
    """Run one service for all of these tests: nothing is ever changed, so none disturbs another."""
    with folder_for_postgres() as folder:
        async with running_service(await create_database(postgres), folder) as service:
            made = await service.client.post("/api/sync", content=GOOD, headers={**JSON, "x-idempotency-key": "k"})
            assert made.status_code == 200
            yield service


async def send(service: Service, refused: Refused) -> Any:
    return await service.client.request(refused.method, refused.path, content=refused.body, headers=refused.headers)


@pytest.mark.parametrize("what", TABLE)
async def test_a_refusal_names_the_true_cause_and_what_to_do(service: Service, what: str) -> None:
    refused = TABLE[what]
    answer = await send(service, refused)
    problem = answer.json()

    assert (answer.status_code, problem["type"].rpartition(":")[2]) == (refused.status, refused.slug), answer.text
    assert [word for word in refused.words if word not in problem["detail"]] == [], problem["detail"]
    assert {name: answer.headers.get(name) for name in refused.answer_headers} == refused.answer_headers
    assert "<b>" not in answer.text


STATE = """
SELECT (SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM requests t) AS requests,
       (SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM callback_logs t) AS callback_logs,
       (SELECT jsonb_agg(to_jsonb(t) ORDER BY key) FROM idempotency_keys t) AS idempotency_keys,
       (SELECT jsonb_agg(to_jsonb(t)) FROM queue_counter t) AS queue_counter,
       (SELECT jsonb_agg(to_jsonb(t)) FROM paused_receivers t) AS paused_receivers,
       (SELECT jsonb_agg(to_jsonb(t)) FROM benchmark_runs t) AS benchmark_runs
"""


async def state(service: Service) -> tuple[dict[str, Any], list[str], Any]:
    """Everything that is kept: rows, files, and what the demo receiver is told to do."""
    [row] = await fetch(service.settings.database_url, STATE)
    files = sorted(path.name for path in service.settings.reports_folder.iterdir())
    return dict(row), files, service.parts.demo_receivers.of(None).simulation


async def test_a_refusal_changes_nothing(service: Service) -> None:
    reused = Refused(422, "", (), body=b'{"num_transactions": 2}', headers={**JSON, "x-idempotency-key": "k"})
    switches = call(422, "", "POST", "/api/callbacks/simulate-failures?enabled=true&fail_next=1_0")
    before = await state(service)
    answers = [await send(service, refused) for refused in (*TABLE.values(), reused, switches)]

    assert all(400 <= answer.status_code < 500 for answer in answers)
    assert await state(service) == before
    assert before[0]["idempotency_keys"]
