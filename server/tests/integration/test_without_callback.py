"""`callback_url` may be left out: the result is read, and nothing is owed to anybody."""

from typing import Any

import httpx
import pytest

from src.services.requests.records import LaneKey
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually


async def submitted(service: Service, **body: Any) -> httpx.Response:
    return await service.client.post("/api/async", json={"payload": {"num_transactions": 2}, **body})


@pytest.fixture
async def ended(service: Service) -> dict[str, Any]:
    """A request without a callback whose report exists."""
    answer = await submitted(service)
    assert answer.status_code == 202, answer.text

    async def is_there() -> bool:
        return bool((await service.detail(answer.json()["request_id"]))["status"] == "COMPLETED")

    await eventually(is_there)
    return await service.detail(answer.json()["request_id"])


async def test_the_result_is_read_and_nothing_is_owed(service: Service, ended: dict[str, Any]) -> None:
    queue = (await service.client.get("/api/queue")).json()
    health = (await service.client.get("/api/health")).json()

    assert ended["result_payload"]["mode"] == "async"
    assert {ended[name] for name in ("callback_url", "callback_status", "webhook_id", "reason")} == {None}
    assert (ended["callback_attempts"], await service.logs(ended["id"])) == (0, [])
    assert (queue["lanes"], queue["delivering"], health["status"]) == ([], [], "healthy")


async def test_a_redelivery_is_refused_as_there_is_no_callback(service: Service, ended: dict[str, Any]) -> None:
    sync = (await service.client.post("/api/sync", json={"num_transactions": 1})).json()
    for request_id in (ended["id"], sync["request_id"]):
        answer = await service.client.post(f"/api/requests/{request_id}/redeliver")

        assert answer.status_code == 409
        assert answer.json()["type"].endswith(":no-callback")


async def test_its_time_is_explained_to_the_end_of_its_report(service: Service, ended: dict[str, Any]) -> None:
    found = (await service.client.get(f"/api/requests/{ended['id']}/explain")).json()

    assert {span["kind"] for span in found["spans"]} <= {"waiting", "generating"}
    assert found["spans"][-1]["to"] == ended["completed_at"]
    assert abs(sum(span["ms"] for span in found["spans"]) - found["total_ms"]) < 1


async def test_the_history_finds_and_counts_it(service: Service, ended: dict[str, Any], receiver: Receiver) -> None:
    other = await service.submit(receiver.url)
    await service.callback_ended(other["request_id"])

    async def found(**filters: str) -> tuple[set[str], int]:
        listed = (await service.client.get("/api/requests", params=filters)).json()["requests"]
        counts = (await service.client.get("/api/requests/counts", params=filters)).json()
        return {one["id"] for one in listed}, counts["total"]

    both = {ended["id"], other["request_id"]}
    assert await found() == (both, 2)
    assert await found(mode="async") == (both, 2)
    assert await found(status="COMPLETED") == (both, 2)
    assert await found(callback_status="SUCCESS") == ({other["request_id"]}, 1)
    assert await found(receiver=receiver.origin) == ({other["request_id"]}, 1)
    assert await found(q="Monthly") == (both, 2)
    assert await found(q=ended["id"]) == ({ended["id"]}, 1)


async def test_the_proof_of_order_has_it_without_a_lane(service: Service, ended: dict[str, Any]) -> None:
    proof = (await service.client.get("/api/queue/fifo-proof")).json()

    assert [(one["request_id"], one["receiver"], one["lane"]) for one in proof["entries"]] == [
        (ended["id"], None, None)
    ]
    assert (proof["entries"][0]["generated_rank"], proof["entries"][0]["delivered_rank"]) == (1, None)


async def test_it_counts_as_no_receiver_of_its_caller(service: Service, ended: dict[str, Any]) -> None:
    caller = "127.0.0.1"

    assert await service.parts.store.receivers_of([caller], 10) == {caller: set()}
    assert await service.parts.store.owed(LaneKey(caller, ""), 10) == []


async def test_it_is_deleted_like_any_other(service: Service, ended: dict[str, Any]) -> None:
    assert (await service.client.delete(f"/api/requests/{ended['id']}")).status_code == 200
    assert (await service.client.get(f"/api/requests/{ended['id']}")).status_code == 404


@pytest.mark.parametrize("url", [None, "", 0, False])
async def test_left_out_means_left_out(service: Service, url: object) -> None:
    answer = await submitted(service, callback_url=url)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/callback_url"


async def test_its_key_stands_for_a_body_without_a_url(service: Service, receiver: Receiver) -> None:
    async def send(**body: str) -> httpx.Response:
        key = {"idempotency-key": "one"}
        return await service.client.post("/api/async", json={"payload": {}, **body}, headers=key)

    first, again, other = await send(), await send(), await send(callback_url=receiver.url)

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 422)
    assert again.json()["request_id"] == first.json()["request_id"]
