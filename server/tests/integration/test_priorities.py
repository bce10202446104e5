"""Urgent reports begin first and by their shares, and in a lane no sequence waits for another."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
#: One report at a time, slowly enough that all of them are accepted before the second begins.
SLOW: dict[str, Any] = {"simulated_ms_per_transaction": 150, "rate_limit_async": "10000/minute"}


async def submit(service: Service, url: str, priority: str, rows: int = 1) -> str:
    body = {"payload": {"num_transactions": rows}, "callback_url": url, "priority": priority}
    answer = await service.client.post("/api/async", json=body)
    assert answer.status_code == 202, answer.text
    request_id: str = answer.json()["request_id"]
    return request_id


async def test_reports_begin_by_the_cycle_and_in_order_within_a_priority(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,), **SLOW) as service:
        first = await submit(service, receiver.url, "normal", rows=10)

        async def has_begun() -> bool:
            return bool((await service.detail(first))["status"] == "PROCESSING")

        await eventually(has_begun)
        ids = [await submit(service, receiver.url, name) for name in ("low", "normal", "low", "high", "high", "normal")]
        low, normal, second_low, high, second_high, second_normal = ids
        expected = [high, second_high, low, normal, second_normal, second_low]
        places = [(await service.detail(one))["place_in_line"] for one in ids]
        shown = [row["id"] for row in (await service.client.get("/api/queue")).json()["next"]]
        await receiver.got(7, 20)
        begun = sorted(ids, key=[callback.body["request_id"] for callback in receiver.callbacks].index)
        rows = {one: await service.detail(one) for one in ids}
        proof = (await service.client.get("/api/queue/fifo-proof")).json()

    # The cycle stands behind its first place: the one that is under way was normal.
    assert sorted(ids, key=lambda one: rows[one]["started_at"]) == expected
    assert set(begun) == set(expected)
    assert shown == expected
    assert [places[ids.index(one)] for one in expected] == [1, 2, 3, 4, 5, 6]
    assert [rows[one]["priority"] for one in ids] == ["low", "normal", "low", "high", "high", "normal"]
    assert (proof["generation_inversions"], proof["delivery_inversions"]) == (0, 0)
    assert {entry["priority"] for entry in proof["entries"]} == {"high", "normal", "low"}


async def test_a_sequence_that_fails_holds_up_no_other_of_its_lane(run_service: RunService, receiver: Receiver) -> None:
    settings = {"callback_retry_delays": (3_600,), "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        receiver.answer = lambda _number, _callback: 500
        stuck = await submit(service, receiver.url, "normal")
        await receiver.got(1)
        receiver.answer = lambda _number, _callback: 200
        behind = await submit(service, receiver.url, "normal")
        high = await submit(service, receiver.url, "high")
        low = await submit(service, receiver.url, "low")
        ended = [await service.callback_ended(one) for one in (high, low)]
        redelivered = await service.client.post(f"/api/requests/{high}/redeliver")
        await receiver.got(4)
        again = await service.callback_ended(high)
        lanes = (await service.client.get("/api/queue")).json()["lanes"]
        waiting = [(await service.detail(one))["callback_status"] for one in (stuck, behind)]

    assert [one["callback_status"] for one in ended] == ["SUCCESS", "SUCCESS"]
    assert redelivered.status_code == 202
    assert again["callback_attempts"] == 2
    assert waiting == ["PENDING", "PENDING"]
    assert [(lane["priority"], lane["state"], lane["owed"]) for lane in lanes] == [("normal", "retrying", 2)]


@pytest.mark.parametrize("priority", ["urgent", "HIGH", "", None, 1])
async def test_a_priority_that_is_none_is_refused(service: Service, receiver: Receiver, priority: Any) -> None:
    body = {"callback_url": receiver.url, "priority": priority}
    answer = await service.client.post("/api/async", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/priority")
    assert await service.count() == 0


async def test_the_order_within_a_priority_outlives_a_restart(
    run_service: RunService, receiver: Receiver, database_url: str
) -> None:
    settings = {"callback_allowed_origins": (receiver.origin,), **SLOW}
    async with run_service(**settings) as service:
        await submit(service, receiver.url, "low", rows=100)
        ids = [await submit(service, receiver.url, name) for name in ("low", "high", "low", "high")]
    await run_sql(
        database_url,
        "UPDATE requests SET input_payload = jsonb_set(input_payload::jsonb, '{num_transactions}', '1')::json",
    )
    async with run_service(**settings):
        await receiver.got(5, 20)
    order = [callback.body["request_id"] for callback in receiver.callbacks]

    assert [one for one in order if one in (ids[1], ids[3])] == [ids[1], ids[3]]
    assert [one for one in order if one in (ids[0], ids[2])] == [ids[0], ids[2]]
