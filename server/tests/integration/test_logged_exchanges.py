"""The callback log tells what was sent and what was answered, exactly or not at all."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from src.services.delivery.signing import Signer
from src.services.delivery.signing_secrets import kept_secret
from tests.support.ports import free_port
from tests.support.receivers import Receiver
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def delivered(service: Service, url: str) -> list[dict[str, Any]]:
    request_id = (await service.submit(url, report_name="Ünïcode 🎉"))["request_id"]
    await service.callback_ended(request_id)
    return await service.logs(request_id)


async def test_every_attempt_shows_the_bytes_and_headers_that_its_receiver_got(
    service: Service, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 503 if number < 2 else 200

    logs = await delivered(service, receiver.url)

    assert len(logs) == 3
    for log, callback in zip(logs, receiver.callbacks, strict=True):
        got = {name.lower(): value for name, value in callback.headers.items()}
        assert log["request"]["url"] == receiver.url
        assert log["request"]["body"].encode() == callback.raw
        assert log["request"]["headers"].items() <= got.items()
        framing = {"host", "accept-encoding", "content-length"}
        assert got.keys() - log["request"]["headers"].keys() == framing


async def test_what_is_shown_verifies_like_what_was_sent(service: Service, receiver: Receiver) -> None:
    [log] = await delivered(service, receiver.url)
    headers, body = log["request"]["headers"], log["request"]["body"].encode()

    Signer([kept_secret(service.settings.data_dir)]).verify(headers, body, int(headers["webhook-timestamp"]))


async def test_the_answer_is_shown_with_its_headers_but_no_cookie(service: Service, receiver: Receiver) -> None:
    receiver.answer_headers = {"X-Request": "7", "Set-Cookie": "session=5ecret"}

    [log] = await delivered(service, receiver.url)

    assert log["response"]["excerpt"] == log["response_excerpt"] == "seen"
    assert log["response"]["headers"]["x-request"] == "7"
    assert log["response"]["headers"]["set-cookie"] == "(not kept)"
    assert "5ecret" not in str(log)


async def test_an_attempt_without_an_answer_shows_what_it_would_have_sent(run_service: RunService) -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    async with run_service(callback_allowed_origins=(origin,), callback_retry_delays=()) as service:
        [log] = await delivered(service, f"{origin}/x")

    assert log["error_code"] == "connect_failed"
    assert log["response"] is None
    assert log["request"]["headers"]["webhook-signature"].startswith("v1,")
    assert '"type":"report.completed"' in log["request"]["body"]


async def test_a_callback_that_expired_sent_nothing(run_service: RunService, receiver: Receiver) -> None:
    receiver.answer = lambda *_: 503
    settings = {"callback_expiry_hours": 0.0001, "callback_retry_delays": (0.5,)}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        *_, last = await delivered(service, receiver.url)

    assert last["error_code"] == "expired"
    assert last["request"] is last["response"] is None


async def test_a_body_that_would_be_another_one_now_is_not_shown(run_service: RunService, receiver: Receiver) -> None:
    """Links begin with `PUBLIC_BASE_URL`, and other bytes than those that were signed would mislead."""
    allowed = {"callback_allowed_origins": (receiver.origin,)}
    async with run_service(**allowed) as service:
        request_id = (await service.submit(receiver.url))["request_id"]
        await service.callback_ended(request_id)
    async with run_service(**allowed, public_base_url="https://reports.example.com") as service:
        [log] = await service.logs(request_id)

    assert log["request"]["body"] is None
    assert log["request"]["headers"]["webhook-id"] == f"msg_{request_id.replace('-', '')}"
