"""A store that is away, frozen, slow, full or refuses: async waits and says why, sync answers 503, and all goes on."""

import asyncio
import hashlib
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.services.report_files.storage import StoredFile
from tests.support.receivers import Receiver
from tests.support.s3 import S3Server, running_s3
from tests.support.s3_front import S3Front, s3_front
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
GOES_ON_WITHIN_S = 40


@pytest.fixture(scope="module")
def own_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that may be broken."""
    with running_s3(tmp_path_factory.mktemp("own-s3")) as server:
        yield server


@pytest.fixture
async def front(s3: S3Server) -> AsyncIterator[S3Front]:
    async with s3_front(s3.endpoint) as front:
        yield front


def is_intact(service: Service, result: dict[str, Any]) -> bool:
    expected = StoredFile(result["file_size_bytes"], result["sha256"])
    report = service.parts.storage.open(UUID(result["request_id"]), expected)
    if report is None:
        return False
    content = b"".join(report.chunks(0, expected.size_bytes))
    return hashlib.sha256(content).hexdigest() == expected.sha256


async def goes_on_after(
    service: Service, receiver: Receiver, breaks: Callable[[], Any], mends: Callable[[], Any]
) -> str:
    """Break the store under what is asked for, and mend it; returns what was said meanwhile."""
    before = await service.submit(receiver.url)
    await service.callback_ended(before["request_id"])
    await asyncio.to_thread(breaks)
    waiting = [(await service.submit(receiver.url))["request_id"] for _ in range(5)]
    large = (await service.submit(receiver.url, num_transactions=100_000))["request_id"]
    sync = await service.client.post("/api/sync", json={})
    assert (sync.status_code, sync.json()["type"].rpartition(":")[2]) == (503, "unavailable")

    async def is_said() -> bool:
        health = await service.client.get("/api/health")
        body = health.json()
        return health.status_code == 503 and not body["storage"]["writable"] and body["worker"]["trouble"] is not None

    await eventually(is_said, GOES_ON_WITHIN_S)
    body = (await service.client.get("/api/health")).json()
    statuses = {(await service.detail(request_id))["status"] for request_id in (*waiting, large)}
    assert statuses <= {"PENDING", "PROCESSING"}
    await asyncio.to_thread(mends)
    for request_id in (*waiting, large):
        ended = await service.callback_ended(request_id, GOES_ON_WITHIN_S)
        assert (ended["status"], ended["callback_status"]) == ("COMPLETED", "SUCCESS")
        assert await asyncio.to_thread(is_intact, service, ended["result_payload"])

    async def is_well() -> bool:
        return (await service.client.get("/api/health")).status_code == 200

    await eventually(is_well, GOES_ON_WITHIN_S)
    assert (await service.client.post("/api/sync", json={})).status_code == 200
    return str(body["storage"]["trouble"])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("killed", "nothing listens at"),
        ("frozen", "does not answer"),
        ("key changed", "refuses the signature"),
        ("bucket gone", "there is no bucket reports"),
    ],
)
async def test_a_store_that_fails_is_waited_for(
    run_service: RunService,
    receiver: Receiver,
    own_s3: S3Server,
    fault: str,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    breaks, mends = {
        "killed": (own_s3.kill, own_s3.start),
        "frozen": (lambda: own_s3.send(signal.SIGSTOP), lambda: own_s3.send(signal.SIGCONT)),
        "key changed": (own_s3.let_in, lambda: own_s3.let_in("writer", "reader")),
        "bucket gone": (own_s3.remove_bucket, own_s3.make_bucket),
    }[fault]
    caplog.set_level(logging.WARNING)
    settings = own_s3.settings(f"faults/{uuid4()}", callback_allowed_origins=(receiver.origin,))
    async with run_service(**settings) as service:
        trouble = await goes_on_after(service, receiver, breaks, mends)
        lost = (await service.client.get("/api/requests", params={"status": "COMPLETED", "limit": 200})).json()[
            "requests"
        ]
        for request in lost:  # with the bucket the first one went, and is made again
            detail = await service.detail(request["id"])
            url = f"{detail['result_payload']['download_url']}?redirect=false"
            content = (await service.client.get(url)).content
            assert hashlib.sha256(content).hexdigest() == detail["result_payload"]["sha256"]

    told = [record.message for record in caplog.records if "Reports cannot be stored" in record.message]
    assert words in trouble
    assert len(told) == len(set(told))
    assert 1 <= len(told) <= 4


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "answers 500"), (503, "answers 503"), (507, "is full: make room there"), (403, "set this machine's (NTP)")],
)
async def test_a_store_that_answers_with_an_error_is_waited_for(
    run_service: RunService, receiver: Receiver, s3: S3Server, front: S3Front, status: int, words: str
) -> None:
    settings = s3.settings(f"faults/{uuid4()}", callback_allowed_origins=(receiver.origin,))
    async with run_service(**{**settings, "aws_endpoint_url": front.endpoint}) as service:
        loop = asyncio.get_running_loop()

        def answer(status: int | None) -> None:
            loop.call_soon_threadsafe(front.answer, status)

        assert words in await goes_on_after(service, receiver, lambda: answer(status), lambda: answer(None))


async def test_a_slow_store_is_only_slow(
    run_service: RunService, receiver: Receiver, s3: S3Server, front: S3Front
) -> None:
    settings = s3.settings(f"faults/{uuid4()}", callback_allowed_origins=(receiver.origin,))
    async with run_service(**{**settings, "aws_endpoint_url": front.endpoint}) as service:
        front.delay_s = 0.3
        accepted = await service.submit(receiver.url)
        sync = await service.client.post("/api/sync", json={})
        live = await service.client.get("/api/health/ready")
        ended = await service.callback_ended(accepted["request_id"])

    assert (sync.status_code, live.status_code, ended["status"]) == (200, 200, "COMPLETED")
