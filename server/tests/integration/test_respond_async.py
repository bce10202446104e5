"""`Prefer: respond-async` at the route for sync reports: accepted there, generated as an async one."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from tests.support.service import Service, running_service
from tests.support.waiting import eventually

LATER = {"prefer": "respond-async"}
LATER_AND_WAIT = {"prefer": "respond-async, wait=20"}
SLOW: dict[str, Any] = {"simulated_ms_per_transaction": 1_000, "simulated_max_seconds": 60}


async def post(service: Service, headers: dict[str, str], **body: Any) -> httpx.Response:
    return await service.client.post("/api/sync", json=body, headers=headers)


async def test_it_is_accepted_as_an_async_request_without_a_callback(service: Service) -> None:
    answer = await post(service, LATER, num_transactions=3)
    accepted = answer.json()
    polled = await service.client.get(accepted["status_url"], headers={"prefer": "wait=20"})

    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    assert answer.headers["location"] == accepted["status_url"]
    assert accepted["queue_position"] == 1
    assert (polled.json()["mode"], polled.json()["status"]) == ("async", "COMPLETED")
    assert (polled.json()["callback_url"], polled.json()["callback_status"]) == (None, None)


async def test_with_a_wait_the_result_comes_with_the_answer(service: Service) -> None:
    answer = await post(service, LATER_AND_WAIT, num_transactions=3)
    result = answer.json()

    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "respond-async, wait=20")
    assert (result["mode"], result["status"]) == ("async", "completed")
    assert result == (await service.detail(result["request_id"]))["result_payload"]


async def test_a_wait_alone_changes_nothing(service: Service) -> None:
    answer = await post(service, {"prefer": "wait=20"}, num_transactions=3)

    assert (answer.status_code, answer.json()["mode"]) == (200, "sync")
    assert "preference-applied" not in answer.headers


async def test_it_may_be_larger_than_a_sync_report_but_no_larger_than_an_async_one(
    database_url: str, data_dir: Any
) -> None:
    limits: dict[str, Any] = {"sync_max_transactions": 5, "async_max_transactions": 50}
    async with running_service(database_url, data_dir, **limits) as service:
        fits = await post(service, LATER, num_transactions=50)
        too_large = await post(service, LATER, num_transactions=51)

    assert (fits.status_code, too_large.status_code) == (202, 422)
    assert [one["pointer"] for one in too_large.json()["errors"]] == ["/num_transactions"]


async def test_a_repeat_under_its_key_is_a_duplicate_whatever_it_prefers_and_while_it_is_processed(
    database_url: str, data_dir: Any
) -> None:
    async with running_service(database_url, data_dir, **SLOW) as service:
        key = {"idempotency-key": str(uuid4())}
        first = await post(service, {**key, **LATER}, num_transactions=60)
        request_id = first.json()["request_id"]

        async def is_processed() -> bool:
            return bool((await service.detail(request_id))["status"] == "PROCESSING")

        await eventually(is_processed)
        repeats = [await post(service, {**key, **more}, num_transactions=60) for more in ({}, LATER)]
        other_body = await post(service, {**key, **LATER}, num_transactions=59)

    assert [(one.status_code, one.json()["status"]) for one in repeats] == [(200, "duplicate")] * 2
    assert {one.json()["request_id"] for one in repeats} == {request_id}
    assert [one.headers.get("preference-applied") for one in repeats] == [None, "respond-async"]
    assert other_body.status_code == 422


async def test_a_repeat_of_a_sync_request_under_way_is_answered_at_once_or_waits_for_it(
    database_url: str, data_dir: Any
) -> None:
    settings: dict[str, Any] = {"simulated_ms_per_transaction": 1_000, "simulated_max_seconds": 1}
    async with running_service(database_url, data_dir, **settings) as service:
        key = {"idempotency-key": str(uuid4())}
        first = asyncio.create_task(post(service, key, num_transactions=1))

        async def is_stored() -> bool:
            return await service.count() == 1

        await eventually(is_stored)
        at_once, waits = await asyncio.gather(
            *(post(service, {**key, **more}, num_transactions=1) for more in (LATER, LATER_AND_WAIT))
        )
        result = (await first).json()

    assert (at_once.status_code, at_once.json()["original_result"]) == (200, None)
    assert (waits.status_code, waits.json()["original_result"]) == (200, result)


async def test_it_counts_against_the_limit_of_the_route_it_came_by(database_url: str, data_dir: Any) -> None:
    limits: dict[str, Any] = {"rate_limit_sync": "1/minute", "rate_limit_async": "1/minute"}
    async with running_service(database_url, data_dir, **limits) as service:
        first, second = [await post(service, LATER, num_transactions=1) for _ in range(2)]
        other_route = await service.client.post("/api/async", json={})

    assert [one.status_code for one in (first, second, other_route)] == [202, 429, 202]
