"""A receiver that fails on and on is left alone, loses nothing, and is served again when it is back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
QUICK: dict[str, Any] = {"callback_retry_delays": (), "callback_probe_seconds": 0.05}
NEVER: dict[str, Any] = {"callback_retry_delays": (), "callback_probe_seconds": 300}


async def lane(service: Service) -> dict[str, Any]:
    lanes = (await service.client.get("/api/queue")).json()["lanes"]
    return lanes[0] if lanes else {"state": None}


async def is_paused(service: Service) -> bool:
    return bool((await lane(service))["state"] == "paused")


async def submit(service: Service, receiver: Receiver, count: int) -> list[str]:
    return [(await service.submit(receiver.url, num_transactions=1))["request_id"] for _ in range(count)]


async def callback_statuses(service: Service, ids: list[str]) -> list[str]:
    return [(await service.detail(request_id))["callback_status"] for request_id in ids]


async def test_after_five_used_up_callbacks_the_rest_waits_and_is_delivered_in_order_when_a_probe_succeeds(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 500 if number < 7 else 200
    async with run_service(callback_allowed_origins=(receiver.origin,), **QUICK) as service:
        ids = await submit(service, receiver, 8)
        await service.callback_ended(ids[-1])
        statuses = await callback_statuses(service, ids)

    assert statuses == ["FAILED"] * 5 + ["SUCCESS"] * 3
    assert receiver.positions == [1, 2, 3, 4, 5, 6, 6, 6, 7, 8]


async def test_a_pause_is_visible_survives_a_restart_and_ends_by_hand(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 500 if number < 5 else 200
    async with run_service(callback_allowed_origins=(receiver.origin,), **NEVER) as service:
        ids = await submit(service, receiver, 7)
        await eventually(lambda: is_paused(service))
    async with run_service(callback_allowed_origins=(receiver.origin,), **NEVER) as service:
        await eventually(lambda: is_paused(service))
        paused = await lane(service)
        waiting = await callback_statuses(service, ids[5:])
        reason = (await service.detail(ids[-1]))["reason"]
        url = f"/api/receivers/{quote(receiver.origin, safe='')}/resume"
        resumed = await service.client.post(url)
        await service.callback_ended(ids[-1])
        again = await service.client.post(url)

    assert "5 callbacks in a row" in paused["reason"]
    assert paused["owed"] == 2
    assert "paused" in reason
    assert waiting == ["PENDING", "PENDING"]
    assert (resumed.status_code, again.status_code) == (202, 404)
    assert receiver.positions == [1, 2, 3, 4, 5, 6, 7]


async def test_a_paused_receiver_delays_nobody_else(run_service: RunService, receivers: list[Receiver]) -> None:
    failing, good, *_ = receivers
    failing.answer = lambda _number, _callback: 500
    origins = (failing.origin, good.origin)
    async with run_service(callback_allowed_origins=origins, **NEVER) as service:
        await submit(service, failing, 8)
        await eventually(lambda: is_paused(service))
        await submit(service, good, 3)
        await good.got(3, within_s=2)

    assert len(failing.callbacks) == 5


async def test_a_callback_that_is_owed_for_too_long_has_failed_and_the_log_says_so(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda _number, _callback: 500
    async with run_service(
        callback_allowed_origins=(receiver.origin,), callback_expiry_hours=1.5 / 3600, **NEVER
    ) as service:
        ids = await submit(service, receiver, 7)
        detail = await service.callback_ended(ids[-1])
        logs = await service.logs(ids[-1])

    assert detail["status"] == "COMPLETED"
    assert detail["callback_status"] == "FAILED"
    assert [log["error_code"] for log in logs] == ["expired"]
    assert receiver.positions == [1, 2, 3, 4, 5]
