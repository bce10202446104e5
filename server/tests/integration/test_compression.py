"""Long lists are compressed for who accepts it; secrets, signatures and answers to a POST never are."""

import gzip
import re

import httpx
import pytest

from src.routes.middleware.compression import COMPRESSED, MIN_BYTES
from tests.support.service import Service

DEMO = "http://localhost:8000/api/callbacks/receive"


async def asked(
    service: Service, path: str, accepted: str = "gzip, br", method: str = "GET"
) -> tuple[httpx.Response, bytes]:
    """Ask, and keep the bytes as they came."""
    request = service.client.build_request(method, path, headers={"accept-encoding": accepted})
    answer = await service.client.send(request, stream=True)
    return answer, b"".join([part async for part in answer.aiter_raw()])


@pytest.fixture
async def with_history(service: Service) -> Service:
    for number in range(6):
        payload = {"report_name": f"Report_{number}", "num_transactions": 1}
        assert (await service.client.post("/api/sync", json=payload)).status_code == 200
    return service


async def test_a_long_list_is_compressed_for_who_accepts_it(with_history: Service) -> None:
    plain, body = await asked(with_history, "/api/requests", "identity")
    packed, packed_body = await asked(with_history, "/api/requests")
    head, nothing = await asked(with_history, "/api/requests", method="HEAD")

    assert len(body) > MIN_BYTES
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == head.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed_body) == body
    assert int(packed.headers["content-length"]) == len(packed_body) < len(body) / 2
    assert (head.headers["content-length"], nothing) == (packed.headers["content-length"], b"")
    assert {answer.headers["vary"] for answer in (plain, packed, head)} == {"Accept-Encoding"}


@pytest.mark.parametrize("accepted", ["gzip;q=0", "identity, gzip;q=0.0", "br", "*;q=0", "xgzip"])
async def test_what_is_not_accepted_is_not_sent(with_history: Service, accepted: str) -> None:
    answer, body = await asked(with_history, "/api/requests", accepted)

    assert "content-encoding" not in answer.headers
    assert body.startswith(b'{"requests"')


@pytest.mark.parametrize("accepted", ["*", "x, gzip;q=0.001"])
async def test_what_is_accepted_in_other_words_is_sent(with_history: Service, accepted: str) -> None:
    answer, _ = await asked(with_history, "/api/requests", accepted)

    assert answer.headers["content-encoding"] == "gzip"


async def test_a_short_answer_stays_as_it_is(service: Service) -> None:
    answer, body = await asked(service, "/api/requests")

    assert len(body) < MIN_BYTES
    assert "content-encoding" not in answer.headers


async def test_an_answer_beside_a_secret_or_a_signature_is_never_compressed(with_history: Service) -> None:
    name = "A" * 90  # what an attacker would choose, beside what it wants to know
    accepted = await with_history.submit(DEMO, {"X-Idempotency-Key": name}, report_name=name, num_transactions=1)
    await with_history.callback_ended(accepted["request_id"])

    for path in (
        "/api/callbacks/signing-secret",
        "/api/callbacks/history",
        f"/api/requests/{accepted['request_id']}",
        f"/api/requests/{accepted['request_id']}/callback-logs",
        "/api/settings",
    ):
        answer, _ = await asked(with_history, path)
        assert (answer.status_code, answer.headers.get("content-encoding")) == (200, None), path


async def test_a_submission_is_never_compressed_nor_its_repetition(service: Service) -> None:
    long = {"payload": {"report_name": "x" * 100, "num_transactions": 500}, "callback_url": DEMO}
    headers = {"X-Idempotency-Key": "k", "accept-encoding": "gzip"}
    for _ in range(2):
        answer = await service.client.post("/api/async", json=long, headers=headers)
        assert "content-encoding" not in answer.headers
        assert "vary" not in answer.headers


def test_nothing_that_may_hold_a_secret_is_chosen(service: Service) -> None:
    paths = [str(getattr(route, "path", "")) for route in service.app.router.routes]
    chosen = {path for path in paths if COMPRESSED.fullmatch(path)}

    assert chosen == {
        "/api/requests",
        "/api/queue",
        "/api/queue/fifo-proof",
        "/api/health/last-hour",
        "/api/benchmark/runs",
        "/api/benchmark/runs/{run_id}",
        "/api/benchmark/comparison",
    } | ({"/api/requests/counts"} & set(paths))
    assert not any(re.search("secret|key|me$|link|ticket|sign|log|callback|account", path) for path in chosen)


@pytest.mark.parametrize(
    "path",
    [
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/redoc",
        "/docs-assets/swagger-ui-bundle.js",
        "/docs-assets/swagger-ui.css",
        "/docs-assets/redoc.standalone.js",
    ],
)
async def test_a_document_has_an_etag_for_each_coding(service: Service, path: str) -> None:
    plain, body = await asked(service, path, "identity")
    packed, packed_body = await asked(service, path)
    known = await service.client.get(path, headers={"if-none-match": packed.headers["etag"]})

    assert gzip.decompress(packed_body) == body
    assert packed.headers["etag"] != plain.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == known.headers["vary"] == "Accept-Encoding"
    assert known.status_code == 304
