"""From an accepted request to an acknowledged callback."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from hashlib import sha256
from http.client import HTTPConnection

import httpx
import pytest
from standardwebhooks import Webhook

from src.services.delivery.signing import Signer
from src.services.delivery.signing_secrets import kept_secret
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def test_an_accepted_report_is_generated_and_delivered(service: Service, receiver: Receiver) -> None:
    accepted = await service.submit(receiver.url, num_transactions=50, report_name="Annual")
    detail = await service.callback_ended(accepted["request_id"])
    body = receiver.callbacks[0].body

    assert accepted["status"] == "pending"
    assert detail["status"] == "COMPLETED"
    assert detail["callback_status"] == "SUCCESS"
    assert body["type"] == "report.completed"
    assert body["status"] == "completed"
    assert body["queue_position"] == accepted["queue_position"]
    assert body["data"] == detail["result_payload"]


async def test_every_signature_verifies_with_the_reference_library(service: Service, receiver: Receiver) -> None:
    for _ in range(3):
        await service.submit(receiver.url)
    await receiver.got(3)
    webhook = Webhook(kept_secret(service.settings.data_dir))

    for callback in receiver.callbacks:
        assert webhook.verify(callback.raw, callback.headers) == callback.body


async def test_a_receiver_gets_the_report_by_its_absolute_link_alone(service: Service, receiver: Receiver) -> None:
    await service.submit(receiver.url)
    await receiver.got(1)
    body = receiver.callbacks[0].body
    link = body["links"]["report"].removeprefix(service.settings.public_base_url)
    file = await service.client.get(link)

    assert link == body["data"]["download_url"]
    assert (file.status_code, sha256(file.content).hexdigest()) == (200, body["data"]["sha256"])


async def test_the_answer_names_where_to_look(service: Service, receiver: Receiver) -> None:
    answer = await service.client.post("/api/async", json={"payload": {}, "callback_url": receiver.url})

    assert answer.headers["location"] == answer.json()["status_url"]
    assert (await service.client.get(answer.headers["location"])).json()["id"] == answer.json()["request_id"]


async def test_reports_are_generated_and_delivered_in_the_order_of_acceptance(
    run_service: RunService, receivers: list[Receiver]
) -> None:
    origins = tuple(receiver.origin for receiver in receivers)
    async with run_service(callback_allowed_origins=origins) as service:

        async def submit_some(client: int) -> list[int]:
            urls = [receivers[(client + number) % len(receivers)].url for number in range(10)]
            return [(await service.submit(url, num_transactions=50))["queue_position"] for url in urls]

        by_client = await asyncio.gather(*(submit_some(client) for client in range(8)))
        for receiver in receivers:
            await receiver.got(20)
        requests = (await service.client.get("/api/requests", params={"limit": 200})).json()["requests"]

    positions = sorted(position for positions in by_client for position in positions)
    by_completion = sorted(requests, key=lambda request: request["completed_at"])

    assert positions == list(range(1, 81))
    assert all(positions == sorted(positions) for positions in by_client)
    assert [request["queue_position"] for request in by_completion] == positions
    assert all(receiver.positions == sorted(set(receiver.positions)) for receiver in receivers)


async def test_a_failing_callback_is_tried_again_and_every_attempt_is_logged(
    service: Service, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 500 if number < 2 else 204
    accepted = await service.submit(receiver.url)
    detail = await service.callback_ended(accepted["request_id"])
    logs = await service.logs(accepted["request_id"])

    assert detail["callback_status"] == "SUCCESS"
    assert [(log["attempt_number"], log["status_code"], log["success"]) for log in logs] == [
        (1, 500, False),
        (2, 500, False),
        (3, 204, True),
    ]
    assert len({callback.headers["webhook-id"] for callback in receiver.callbacks}) == 1
    assert all(log["next_attempt_at"] > log["attempted_at"] for log in logs[:2])
    assert logs[2]["next_attempt_at"] is None


async def test_after_four_attempts_the_callback_has_failed_and_the_report_has_not(
    service: Service, receiver: Receiver
) -> None:
    receiver.answer = lambda _number, _callback: 503
    accepted = await service.submit(receiver.url)
    detail = await service.callback_ended(accepted["request_id"])

    assert detail["status"] == "COMPLETED"
    assert detail["callback_status"] == "FAILED"
    assert detail["callback_attempts"] == 4
    assert (await service.client.get(detail["result_payload"]["download_url"])).status_code == 200


async def test_a_refusal_is_not_tried_again(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda _number, _callback: 404
    accepted = await service.submit(receiver.url)
    detail = await service.callback_ended(accepted["request_id"])

    assert (detail["callback_status"], detail["callback_attempts"]) == ("FAILED", 1)


async def test_a_callback_can_be_sent_again_under_the_same_id(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda number, _: 400 if number == 0 else 200
    accepted = await service.submit(receiver.url)
    given_up = await service.callback_ended(accepted["request_id"])
    answer = await service.client.post(f"/api/requests/{accepted['request_id']}/redeliver")
    detail = await service.callback_ended(accepted["request_id"])

    assert answer.status_code == 202
    assert (detail["callback_status"], detail["callback_attempts"]) == ("SUCCESS", 2)
    assert given_up["callback_redelivered_at"] is None
    assert given_up["callback_finished_at"] < detail["callback_redelivered_at"] < detail["callback_finished_at"]
    assert receiver.callbacks[0].headers["webhook-id"] == receiver.callbacks[1].headers["webhook-id"]
    assert receiver.callbacks[0].raw == receiver.callbacks[1].raw


async def test_receivers_that_refuse_or_hang_delay_nobody_else(
    run_service: RunService, receivers: list[Receiver]
) -> None:
    hanging, *good = receivers
    hanging.answer = lambda _number, _callback: None
    refusing = "http://127.0.0.1:1"  # nothing listens there
    origins = (refusing, *(receiver.origin for receiver in receivers))
    async with run_service(callback_allowed_origins=origins, callback_retry_delays=(2, 4, 8)) as service:
        for _ in range(3):
            await service.submit(hanging.url)
            await service.submit(f"{refusing}/webhook")
        submitted_s = time.monotonic()
        for receiver in good:
            await service.submit(receiver.url)
        for receiver in good:
            await receiver.got(1)
        waited_s = max(receiver.callbacks[0].arrived_s for receiver in good) - submitted_s

    assert waited_s < 1


async def test_a_deleted_request_is_never_run_and_never_called_back(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(
        callback_allowed_origins=(receiver.origin,), simulated_ms_per_transaction=100, simulated_max_seconds=0.5
    ) as service:
        await service.submit(receiver.url)
        second = await service.submit(receiver.url)
        third = await service.submit(receiver.url)
        deleted = await service.client.delete(f"/api/requests/{second['request_id']}")
        await service.callback_ended(third["request_id"])

        assert deleted.json() == {"deleted": True, "id": second["request_id"]}
        assert receiver.positions == [1, 3]
        assert (await service.client.get(f"/api/requests/{second['request_id']}")).status_code == 404


async def test_what_waits_tells_its_place_in_line_and_what_runs_cannot_be_deleted(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(
        callback_allowed_origins=(receiver.origin,), simulated_ms_per_transaction=1000, simulated_max_seconds=1
    ) as service:
        running = await service.submit(receiver.url)
        waiting = [await service.submit(receiver.url) for _ in range(2)]

        async def is_running() -> bool:
            return bool((await service.detail(running["request_id"]))["status"] == "PROCESSING")

        await eventually(is_running)
        places = [(await service.detail(request["request_id"]))["place_in_line"] for request in waiting]
        refused = await service.client.delete(f"/api/requests/{running['request_id']}")

    assert places == [1, 2]
    assert refused.status_code == 409


async def test_the_server_stops_at_once_and_goes_on_where_it_was(run_service: RunService, receiver: Receiver) -> None:
    async with run_service(
        callback_allowed_origins=(receiver.origin,), simulated_ms_per_transaction=1000, simulated_max_seconds=5
    ) as service:
        accepted = [await service.submit(receiver.url, num_transactions=10) for _ in range(3)]
    async with run_service(callback_allowed_origins=(receiver.origin,)) as service:
        for request in accepted:
            assert (await service.callback_ended(request["request_id"]))["callback_status"] == "SUCCESS"

    assert receiver.positions == [1, 2, 3]


async def test_the_demo_receiver_is_reached_only_at_its_own_url(service: Service) -> None:
    allowed = service.settings.demo_receiver_url
    answers: dict[str, httpx.Response] = {}
    for url in (allowed, allowed + "?x=1", allowed.replace("/receive", "/history")):
        answers[url] = await service.client.post("/api/async", json={"payload": {}, "callback_url": url})

    assert [answer.status_code for answer in answers.values()] == [202, 422, 422]


@pytest.mark.parametrize("status", [201, 204, 205, 304, 500])
async def test_the_demo_receiver_answers_with_any_status_and_the_connection_stays_good(
    service: Service, status: int
) -> None:
    signed = Signer([service.parts.signing_secret]).headers("msg_1", int(time.time()), b"{}")
    port = free_port()

    def statuses_on_one_connection() -> list[int]:
        with closing(HTTPConnection("127.0.0.1", port)) as connection:
            connection.connect()
            connection.auto_open = 0
            answers = []
            for _ in range(3):
                connection.request("POST", "/api/callbacks/receive", b"{}", signed)
                with connection.getresponse() as answer:
                    answer.read()
                    answers.append(answer.status)
            return answers

    await service.client.post("/api/callbacks/simulate-failures", params={"failure_rate": 1, "status_code": status})
    async with over_http(service.app, port):
        assert await asyncio.to_thread(statuses_on_one_connection) == [status] * 3


async def test_a_callback_that_waits_in_its_lane_is_not_sent_once_its_request_is_deleted(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda number, _: 500 if number == 0 else 200
    async with run_service(callback_allowed_origins=(receiver.origin,), callback_retry_delays=(1.5,)) as service:
        ids = [(await service.submit(receiver.url))["request_id"] for _ in range(3)]
        await receiver.got(1)

        async def is_generated() -> bool:
            return bool((await service.detail(ids[1]))["status"] == "COMPLETED")

        await eventually(is_generated)
        deleted = await service.client.delete(f"/api/requests/{ids[1]}")
        await service.callback_ended(ids[2])

    assert deleted.status_code == 200
    assert receiver.positions == [1, 1, 3]
