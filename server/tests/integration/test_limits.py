"""Limits on how much a caller may ask for, and how much may wait."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.support.receivers import Receiver
from tests.support.service import Service

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
