"""Limits on how much a caller may ask for, and how much may wait."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx

from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def test_thirty_sync_requests_pass_and_the_next_is_told_when(run_service: RunService) -> None:
    async with run_service(rate_limit_sync="30/minute") as service:
        answers = [await service.client.post("/api/sync", json={"num_transactions": 1}) for _ in range(31)]

    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == [str(max(0, 29 - n)) for n in range(31)]
    assert {answer.headers["x-ratelimit-limit"] for answer in answers} == {"30"}
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].headers["content-type"] == "application/problem+json"


async def test_an_invalid_body_counts_and_a_refused_one_is_not_read(run_service: RunService) -> None:
    async with run_service(rate_limit_async="5/minute") as service:
        answers = [await service.client.post("/api/async", content=b"broken") for _ in range(7)]

    assert [answer.status_code for answer in answers] == [415] * 5 + [429] * 2
    assert all("x-ratelimit-reset" in answer.headers for answer in answers)


async def test_the_limits_of_the_two_ways_are_apart(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(rate_limit_sync="1/minute", callback_allowed_origins=(receiver.origin,)) as service:
        await service.client.post("/api/sync", json={})
        refused = await service.client.post("/api/sync", json={})
        accepted = await service.client.post("/api/async", json={"payload": {}, "callback_url": receiver.url})

    assert (refused.status_code, accepted.status_code) == (429, 202)


async def test_whatever_makes_the_service_send_counts_like_a_submission(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(rate_limit_async="5/minute", callback_allowed_origins=(receiver.origin,)) as service:
        accepted = await service.submit(receiver.url, num_transactions=1)
        await service.callback_ended(accepted["request_id"])
        again = f"/api/requests/{accepted['request_id']}/redeliver"
        paths = [again, f"/api/receivers/{receiver.origin}/resume", "/api/requests/x/redeliver", again]
        answers = [await service.client.post(path) for path in paths]
        refused = [await service.client.post(path) for path in paths]
        sync = await service.client.post("/api/sync", json={"num_transactions": 1})
        await service.callback_ended(accepted["request_id"])
        attempts = await service.logs(accepted["request_id"])

    assert [answer.status_code for answer in answers] == [202, 404, 404, answers[3].status_code]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["3", "2", "1", "0"]
    assert {answer.status_code for answer in refused} == {429}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert sync.status_code == 200
    assert len(attempts) <= 3


async def test_when_too_much_waits_a_submission_is_refused_and_nothing_stored(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(
        max_pending_requests=5,
        callback_allowed_origins=(receiver.origin,),
        simulated_ms_per_transaction=1000,
        simulated_max_seconds=30,
    ) as service:
        body = {"payload": {}, "callback_url": receiver.url}
        answers = await asyncio.gather(*(service.client.post("/api/async", json=body) for _ in range(20)))
        accepted = [answer for answer in answers if answer.status_code == 202]
        refused = [answer for answer in answers if answer.status_code == 503]

        assert len(accepted) + len(refused) == 20
        assert 5 <= len(accepted) <= 6  # the one being processed does not wait
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert await service.count() == len(accepted)


BUSY: dict[str, Any] = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 30}


def as_caller(address: str, key: str = "") -> dict[str, str]:
    return {"X-Forwarded-For": address, **({"X-Idempotency-Key": key} if key else {})}


async def test_a_caller_cannot_fill_the_queue_for_others(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(
        max_pending_per_caller=5, trusted_proxies="127.0.0.1", callback_allowed_origins=(receiver.origin,), **BUSY
    ) as service:
        body = {"payload": {}, "callback_url": receiver.url}

        async def submit(caller: str, key: str = "") -> httpx.Response:
            return await service.client.post("/api/async", json=body, headers=as_caller(caller, key))

        await submit("198.51.100.1", "first")
        answers = await asyncio.gather(*(submit("198.51.100.1") for _ in range(20)))
        refused = [answer for answer in answers if answer.status_code == 429]
        stored = await service.count()
        duplicate = await submit("198.51.100.1", "first")
        other = await submit("198.51.100.2")
        sync = await service.client.post("/api/sync", json={"num_transactions": 1}, headers=as_caller("198.51.100.1"))

    assert 20 - len(refused) + 1 == stored
    assert 5 <= stored <= 6  # the one being processed does not wait
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert {answer.json()["type"].rpartition(":")[2] for answer in refused} == {"too-many-waiting"}
    assert (duplicate.status_code, duplicate.json()["status"]) == (200, "duplicate")
    assert (other.status_code, sync.status_code) == (202, 200)


async def test_a_caller_finds_room_again_when_its_work_is_done(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(max_pending_per_caller=3, callback_allowed_origins=(receiver.origin,)) as service:
        body = {"payload": {"num_transactions": 1}, "callback_url": receiver.url}

        async def is_accepted() -> bool:
            return (await service.client.post("/api/async", json=body)).status_code == 202

        for _ in range(20):
            await eventually(is_accepted, within_s=5)


async def test_what_waits_is_counted_by_caller(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(trusted_proxies="127.0.0.1", callback_allowed_origins=(receiver.origin,), **BUSY) as service:
        body = {"payload": {}, "callback_url": receiver.url}
        before = await service.parts.store.count_waiting(100)
        for caller in ["10.0.0.9", *["10.0.0.1"] * 3, *["10.0.0.2"] * 2]:
            await service.client.post("/api/async", json=body, headers=as_caller(caller))

        async def is_begun() -> bool:
            return (await service.parts.store.count_waiting(100)).total == 5

        await eventually(is_begun)
        after = await service.parts.store.count_waiting(100)
        at_most_two = await service.parts.store.count_waiting(2)

    assert (before.total, before.by_caller) == (0, {})
    assert after.by_caller == {"10.0.0.1": 3, "10.0.0.2": 2}
    assert (after.of_any_other_max, at_most_two.total) == (0, 2)
