"""A cancel is decided by the row: whatever the request was at, it ends, and nothing of its report is sent."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
#: A report of a hundred rows takes 10 s.
SLOW: dict[str, Any] = {"simulated_ms_per_transaction": 100, "rate_limit_async": "off"}


async def cancel(service: Service, request_id: str, **body: Any) -> dict[str, Any]:
    answer = await service.client.post(f"/api/requests/{request_id}/cancel", json=body)
    assert answer.status_code == 200, answer.text
    detail: dict[str, Any] = answer.json()
    return detail


async def begins(service: Service, request_id: str) -> None:
    async def has_begun() -> bool:
        return bool((await service.detail(request_id))["status"] == "PROCESSING")

    await eventually(has_begun)


async def test_what_waits_is_never_run_and_what_runs_frees_the_worker_at_once(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,), **SLOW) as service:
        running, waiting, behind = [
            (await service.submit(receiver.url, num_transactions=rows))["request_id"] for rows in (100, 1, 1)
        ]
        await begins(service, running)
        never_run = await cancel(service, waiting)
        began_s = time.perf_counter()
        stopped = await cancel(service, running)
        await begins(service, behind)
        took_s = time.perf_counter() - began_s
        again = await cancel(service, running)
        done = await service.callback_ended(behind)
        counts = (await service.client.get("/api/requests/counts")).json()
        listed = (await service.client.get("/api/requests", params={"status": "CANCELLED"})).json()["requests"]
        refused = [await service.client.post(f"/api/requests/{one}/redeliver") for one in (running, waiting)]
        spans = (await service.client.get(f"/api/requests/{running}/explain")).json()["spans"]
        proof = (await service.client.get("/api/queue/fifo-proof")).json()

    assert [one["status"] for one in (never_run, stopped, again)] == ["CANCELLED"] * 3
    assert [one["callback_status"] for one in (never_run, stopped, again)] == ["CANCELLED"] * 3
    assert (never_run["started_at"], never_run["place_in_line"], stopped["reason"]) == (None, None, None)
    assert again == stopped
    assert took_s < 2
    assert done["status"] == "COMPLETED"
    assert [callback.body["request_id"] for callback in receiver.callbacks] == [behind]
    assert counts["by_status"]["CANCELLED"] == counts["by_callback_status"]["CANCELLED"] == 2
    assert {one["id"] for one in listed} == {running, waiting}
    assert [answer.status_code for answer in refused] == [409, 409]
    assert [span["kind"] for span in spans][-1] == "generating"
    assert (proof["generation_inversions"], proof["delivery_inversions"]) == (0, 0)


async def test_a_receiver_that_is_to_be_told_is_told_in_its_place(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,), **SLOW) as service:
        first, second, third = [
            (await service.submit(receiver.url, num_transactions=rows))["request_id"] for rows in (5, 100, 1)
        ]
        told = await cancel(service, second, notify=True)
        await receiver.got(3)
        ended = await service.callback_ended(second)

    assert (told["status"], told["callback_status"], told["completed_at"]) == ("CANCELLED", "PENDING", None)
    assert [callback.body["request_id"] for callback in receiver.callbacks] == [first, second, third]
    message = receiver.callbacks[1].body
    assert (message["type"], message["status"]) == ("report.cancelled", "cancelled")
    assert message["data"] == {"reason": "The request was cancelled."}
    assert (ended["status"], ended["callback_status"]) == ("CANCELLED", "SUCCESS")


async def test_between_retries_no_attempt_begins_any_more_and_the_next_callback_follows(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 500 if number == 0 else 200
    settings = {"callback_retry_delays": (3_600,), "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        stuck = (await service.submit(receiver.url))["request_id"]
        await receiver.got(1)
        behind = (await service.submit(receiver.url))["request_id"]
        cancelled = await cancel(service, stuck)
        done = await service.callback_ended(behind)
        ended = await service.client.post(f"/api/requests/{behind}/cancel")
        early = await service.client.post(f"/api/requests/{stuck}/redeliver")

    assert (cancelled["status"], cancelled["callback_status"]) == ("COMPLETED", "CANCELLED")
    assert done["callback_status"] == "SUCCESS"
    assert [callback.body["request_id"] for callback in receiver.callbacks] == [stuck, behind]
    assert (ended.status_code, ended.json()["type"].rsplit(":", 1)[1]) == (409, "already-ended")
    assert early.status_code == 409


async def test_an_attempt_that_is_under_way_is_logged_and_the_callback_stays_cancelled(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: None if number == 0 else 200  # the first one hangs until the deadline
    settings = {"callback_timeout_seconds": 1, "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        request_id = (await service.submit(receiver.url))["request_id"]
        await receiver.got(1)
        await cancel(service, request_id)

        async def is_logged() -> bool:
            return len(await service.logs(request_id)) == 1

        await eventually(is_logged)
        detail = await service.detail(request_id)

        async def is_redelivered() -> bool:
            return (await service.client.post(f"/api/requests/{request_id}/redeliver")).status_code == 202

        await eventually(is_redelivered)
        again = await service.callback_ended(request_id)

    assert (detail["callback_status"], detail["callback_attempts"]) == ("CANCELLED", 1)
    assert (again["callback_status"], again["callback_attempts"], again["cancelled_at"]) == ("SUCCESS", 2, None)


async def test_a_sync_request_that_is_cancelled_is_answered_409(run_service: RunService) -> None:
    async with run_service(**SLOW) as service:
        submitting = asyncio.create_task(service.client.post("/api/sync", json={"num_transactions": 100}))

        async def is_there() -> bool:
            return await service.count() == 1

        await eventually(is_there)
        [request] = (await service.client.get("/api/requests")).json()["requests"]
        cancelled = await cancel(service, request["id"])
        answer = await asyncio.wait_for(submitting, 2)

    assert (cancelled["status"], cancelled["callback_status"]) == ("CANCELLED", None)
    assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[1]) == (409, "cancelled")


async def test_a_repeat_of_what_was_cancelled_says_so(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,), **SLOW) as service:
        headers = {"Idempotency-Key": "k", "Prefer": "wait=5"}
        body = {"payload": {"num_transactions": 100}, "callback_url": receiver.url}
        waiting = asyncio.create_task(service.client.post("/api/async", json=body, headers=headers))

        async def is_there() -> bool:
            return await service.count() == 1

        await eventually(is_there)
        [request] = (await service.client.get("/api/requests")).json()["requests"]
        await cancel(service, request["id"])
        waited = await waiting
        repeat = await service.client.post("/api/async", json=body, headers={"Idempotency-Key": "k"})

    assert (waited.status_code, waited.json()["status"]) == (200, "cancelled")
    assert (repeat.json()["status"], repeat.json()["original_result"]) == ("duplicate", None)
    assert "cancelled" in repeat.json()["message"]


async def test_whatever_a_cancel_left_open_goes_on_after_a_restart(
    run_service: RunService, receiver: Receiver, database_url: str
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,), **SLOW) as service:
        first = (await service.submit(receiver.url, num_transactions=100))["request_id"]
        second = (await service.submit(receiver.url, num_transactions=1))["request_id"]
        await begins(service, first)
    # As if the process had died right behind the COMMIT.
    await run_sql(database_url, "UPDATE requests SET status = 'CANCELLED', cancelled_at = now()")
    async with run_service(callback_allowed_origins=(receiver.origin,), **SLOW):
        await receiver.got(2)

    assert [callback.body["request_id"] for callback in receiver.callbacks] == [first, second]
    assert {callback.body["type"] for callback in receiver.callbacks} == {"report.cancelled"}


async def test_a_cancel_takes_an_empty_body_and_no_broken_one(service: Service) -> None:
    bodies = {b"": 404, b"{}": 404, b'{"notify": 1}': 422, b'{"more": 1}': 422, b"[]": 422, b"{": 400}
    answers = {}
    for content in bodies:
        headers = {"content-type": "application/json"} if content else {}
        url = f"/api/requests/{uuid4()}/cancel"
        answers[content] = (await service.client.post(url, content=content, headers=headers)).status_code

    assert answers == bodies
