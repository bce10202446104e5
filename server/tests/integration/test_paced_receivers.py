"""A receiver gets no more in a time than may go to it; the rest waits, visibly, and comes in order."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def test_what_is_too_fast_for_a_receiver_waits_visibly_survives_a_restart_and_comes_in_order(
    run_service: RunService, receiver: Receiver
) -> None:
    settings: dict[str, Any] = {"callback_allowed_origins": (receiver.origin,)}
    async with run_service(callback_rate_per_receiver="3/minute", **settings) as service:
        ids = [(await service.submit(receiver.url, num_transactions=1))["request_id"] for _ in range(8)]

        async def paced() -> bool:
            lanes = (await service.client.get("/api/queue")).json()["lanes"]
            return [lane["state"] for lane in lanes if "Paced" in (lane["reason"] or "")] == ["waiting"]

        await eventually(paced)
        sent_at_once = list(receiver.positions)
    async with run_service(callback_rate_per_receiver="off", **settings) as service:
        await service.callback_ended(ids[-1])

    assert sent_at_once == [1, 2, 3]
    assert receiver.positions == list(range(1, 9))


async def test_a_retry_is_paced_like_any_other_attempt(run_service: RunService, receiver: Receiver) -> None:
    receiver.answer = lambda _number, _callback: 500
    async with run_service(
        callback_rate_per_receiver="2/minute", callback_allowed_origins=(receiver.origin,)
    ) as service:
        request_id = (await service.submit(receiver.url, num_transactions=1))["request_id"]

        async def waits() -> bool:
            lanes = (await service.client.get("/api/queue")).json()["lanes"]
            return any("Paced" in (lane["reason"] or "") for lane in lanes)

        await eventually(waits)
        detail = await service.detail(request_id)

    assert len(receiver.callbacks) == 2
    assert (detail["callback_status"], detail["callback_attempts"]) == ("PENDING", 2)
