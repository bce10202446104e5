"""`GET /api/requests/{id}/explain`: from the rows to sentences."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def explained(service: Service, request_id: str) -> dict[str, Any]:
    answer = await service.client.get(f"/api/requests/{request_id}/explain")
    assert answer.status_code == 200, answer.text
    explanation: dict[str, Any] = answer.json()
    spans = explanation["spans"]
    assert all(before["to"] == after["from"] for before, after in pairwise(spans))
    assert abs(sum(span["ms"] for span in spans) - explanation["total_ms"]) < 1
    return explanation


async def submit(service: Service, receiver: Receiver, priority: str, rows: int = 1) -> str:
    body = {"payload": {"num_transactions": rows}, "callback_url": receiver.url, "priority": priority}
    answer = await service.client.post("/api/async", json=body)
    request_id: str = answer.json()["request_id"]
    return request_id


async def test_time_spent_on_retries_and_behind_another_callback_is_told(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 503 if number < 2 else 200
    # The second report is ready long before the callback of the first is.
    settings = {"callback_retry_delays": (0.05, 2.0)}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        first = await service.submit(receiver.url)
        second = await service.submit(receiver.url)
        detail = await service.callback_ended(second["request_id"])
        of_first, of_second = [await explained(service, one["request_id"]) for one in (first, second)]

    kinds = [span["kind"] for span in of_first["spans"]]
    held = [span for span in of_second["spans"] if span["kind"] == "held"]
    whole = datetime.fromisoformat(detail["callback_finished_at"]) - datetime.fromisoformat(detail["created_at"])

    assert (kinds.count("attempt"), kinds.count("retry_wait")) == (3, 2)
    assert "503" in next(span["text"] for span in of_first["spans"] if span["kind"] == "attempt")
    assert held[0]["request_id"] == first["request_id"]
    assert abs(of_second["total_ms"] - whole / timedelta(milliseconds=1)) < 2


async def test_a_pause_is_told_after_it_ended(run_service: RunService, receiver: Receiver) -> None:
    """Five callbacks that use up their attempts pause the lane; the sixth waits until somebody resumes it."""
    receiver.answer = lambda number, _: 500 if number < 5 else 200
    settings = {"callback_retry_delays": (), "callback_probe_seconds": 300}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        ids = [(await service.submit(receiver.url))["request_id"] for _ in range(7)]

        async def is_paused() -> bool:
            lanes = (await service.client.get("/api/queue")).json()["lanes"]  # none before the first is generated
            return [lane["state"] for lane in lanes] == ["paused"]

        await eventually(is_paused)
        await service.client.post(f"/api/receivers/{quote(receiver.origin, safe='')}/resume")
        await service.callback_ended(ids[-1])
        spans = (await explained(service, ids[-1]))["spans"]

    assert "paused" in [span["kind"] for span in spans]


async def test_a_wait_counts_urgent_reports_that_were_accepted_later_and_began_earlier(
    run_service: RunService, receiver: Receiver
) -> None:
    settings: dict[str, Any] = {"simulated_ms_per_transaction": 100, "rate_limit_async": "off"}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        first = await submit(service, receiver, "normal", rows=10)

        async def has_begun() -> bool:
            return bool((await service.detail(first))["status"] == "PROCESSING")

        await eventually(has_begun)
        ids = [await submit(service, receiver, name) for name in ("low", "high", "high", "low")]
        while_it_waits = (await explained(service, ids[-1]))["spans"][0]
        await receiver.got(5, 10)
        waited = [(await explained(service, one))["spans"][0] for one in ids]

    assert [span["kind"] for span in (*waited, while_it_waits)] == ["waiting"] * 5
    assert [span["count"] for span in waited] == [2, 0, 1, 3]
    assert while_it_waits["count"] == 3


async def test_a_sync_request_was_only_generated(service: Service) -> None:
    made = (await service.client.post("/api/sync", json={"num_transactions": 1})).json()

    assert [span["kind"] for span in (await explained(service, made["request_id"]))["spans"]] == ["generating"]


async def test_an_unknown_request_is_not_explained(service: Service) -> None:
    assert (await service.client.get(f"/api/requests/{uuid4()}/explain")).status_code == 404
