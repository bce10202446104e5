"""The same key does the work once, whatever happens at the same moment."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest

from src.services.requests.store import IDEMPOTENCY_KEY_KEPT
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
KEY = {"X-Idempotency-Key": "order-123"}


async def test_a_hundred_posts_at_the_same_moment_make_one_request(service: Service, receiver: Receiver) -> None:
    body = {"payload": {"num_transactions": 50}, "callback_url": receiver.url}
    answers = await asyncio.gather(*(service.client.post("/api/async", json=body, headers=KEY) for _ in range(100)))
    created = [answer.json() for answer in answers if answer.status_code == 202]
    duplicates = [answer for answer in answers if answer.status_code == 200]

    assert (len(created), len(duplicates)) == (1, 99)
    assert {answer.json()["request_id"] for answer in duplicates} == {created[0]["request_id"]}
    assert {answer.json()["queue_position"] for answer in duplicates} == {created[0]["queue_position"]}
    assert {answer.json()["status"] for answer in duplicates} == {"duplicate"}
    assert {answer.headers["idempotent-replayed"] for answer in duplicates} == {"true"}
    assert await service.count() == 1


async def test_the_original_result_comes_with_the_duplicate(service: Service) -> None:
    first = await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)
    second = await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)

    assert second.json()["original_result"] == first.json()
    assert second.json()["queue_position"] is None


async def test_the_order_of_fields_and_named_defaults_make_no_other_body(service: Service) -> None:
    first = await service.client.post("/api/sync", json={"num_transactions": 50, "currency": "EUR"}, headers=KEY)
    second = await service.client.post(
        "/api/sync",
        json={"currency": "EUR", "report_name": "Monthly_Report", "num_transactions": 50},
        headers=KEY,
    )

    assert second.json()["request_id"] == first.json()["request_id"]


async def test_the_same_key_with_another_body_is_refused(service: Service) -> None:
    await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)
    other = await service.client.post("/api/sync", json={"num_transactions": 6}, headers=KEY)

    assert other.status_code == 422
    assert other.json()["type"].endswith(":idempotency-key-reused")
    assert await service.count() == 1


async def test_a_key_is_its_routes_own(service: Service, receiver: Receiver) -> None:
    await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)
    other = await service.client.post(
        "/api/async", json={"payload": {"num_transactions": 5}, "callback_url": receiver.url}, headers=KEY
    )

    assert other.status_code == 202


async def test_a_refused_request_leaves_its_key_free(service: Service) -> None:
    refused = await service.client.post("/api/sync", json={"num_transactions": 0}, headers=KEY)
    accepted = await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)

    assert refused.status_code == 422
    assert accepted.json()["status"] == "completed"


async def test_while_the_first_sync_report_is_generated_the_second_is_told_to_come_back(
    run_service: RunService,
) -> None:
    async with run_service(simulated_ms_per_transaction=100, simulated_max_seconds=0.5) as service:
        first = asyncio.create_task(service.client.post("/api/sync", json={"num_transactions": 50}, headers=KEY))

        async def is_stored() -> bool:
            return await service.count() == 1

        await eventually(is_stored)
        second = await service.client.post("/api/sync", json={"num_transactions": 50}, headers=KEY)

        assert second.status_code == 409
        assert int(second.headers["retry-after"]) == 1  # it is at work here, and not one that was left behind
        assert (await first).status_code == 200


@pytest.mark.parametrize(("age_s", "least_s", "most_s"), [(0, 80, 90), (60, 20, 30), (1_000, 1, 1)])
async def test_a_key_that_a_dead_process_left_says_when_its_request_counts_as_abandoned(
    service: Service, age_s: int, least_s: int, most_s: int
) -> None:
    first = await service.client.post("/api/sync", json={}, headers=KEY)
    await run_sql(
        service.settings.database_url,
        "UPDATE requests SET status = 'PROCESSING', result_payload = NULL, completed_at = NULL,"
        f" created_at = now() - interval '{age_s} seconds'",
    )
    second = await service.client.post("/api/sync", json={}, headers=KEY)

    assert (first.status_code, second.status_code) == (200, 409)
    assert least_s <= int(second.headers["retry-after"]) <= most_s


@pytest.mark.parametrize("sqlstate", ["XX000", "53100"])
async def test_a_result_that_cannot_be_recorded_leaves_the_key_free(service: Service, sqlstate: str) -> None:
    url = service.settings.database_url
    await run_sql(
        url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE 'no' USING ERRCODE = '{sqlstate}'; END $$",
        "CREATE TRIGGER refusing BEFORE UPDATE ON requests FOR EACH ROW WHEN (NEW.status = 'COMPLETED')"
        " EXECUTE FUNCTION refuse()",
    )
    refused = await service.client.post("/api/sync", json={}, headers=KEY)
    rows = (await service.client.get("/api/requests")).json()["requests"]
    await run_sql(url, "DROP TRIGGER refusing ON requests")
    again = await service.client.post("/api/sync", json={}, headers=KEY)

    assert refused.status_code == (503 if sqlstate == "53100" else 500)
    assert [row["status"] for row in rows] == ["FAILED"]
    assert again.status_code == 200


async def test_a_key_is_kept_for_24_hours_after_the_end(service: Service) -> None:
    first = await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)
    age = IDEMPOTENCY_KEY_KEPT + timedelta(seconds=1)
    await run_sql(
        service.settings.database_url,
        f"UPDATE requests SET completed_at = completed_at - interval '{age.total_seconds()} seconds'",
    )
    second = await service.client.post("/api/sync", json={"num_transactions": 5}, headers=KEY)

    assert second.json()["status"] == "completed"
    assert second.json()["request_id"] != first.json()["request_id"]


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Idempotency-Key", "")],
        [("X-Idempotency-Key", "two words")],
        [("X-Idempotency-Key", "x" * 256)],
        [("X-Idempotency-Key", b"\xc3\xbc")],
        [("X-Idempotency-Key", "a"), ("X-Idempotency-Key", "a")],
        [("X-Idempotency-Key", "a"), ("Idempotency-Key", "a")],
    ],
)
async def test_a_malformed_or_doubled_key_is_a_400(service: Service, headers: list[tuple[str, str | bytes]]) -> None:
    encoded = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers]
    answer = await service.client.post("/api/sync", json={}, headers=encoded)

    assert answer.status_code == 400
    assert await service.count() == 0


@pytest.mark.parametrize(
    "value", ['"a b"', '"', '"a', '""', '"a"b"', '"a\\b"', '"a";p=1', "a b", '"' + "x" * 256 + '"']
)
async def test_a_malformed_quoted_key_is_a_400(service: Service, value: str) -> None:
    answer = await service.client.post("/api/sync", json={}, headers={"Idempotency-Key": value})

    assert answer.status_code == 400
    assert await service.count() == 0


@pytest.mark.parametrize(
    ("quoted", "key"), [('"abc"', "abc"), ("abc", "abc"), ('  "abc"\t', "abc"), ('"a\\"\\\\b"', 'a"\\b')]
)
async def test_the_quoted_form_of_a_key_is_the_same_key(service: Service, quoted: str, key: str) -> None:
    first = await service.client.post("/api/sync", json={}, headers={"Idempotency-Key": quoted})
    second = await service.client.post("/api/sync", json={}, headers={"X-Idempotency-Key": f" {key} "})
    detail = await service.detail(first.json()["request_id"])

    assert second.json()["request_id"] == first.json()["request_id"]
    assert detail["idempotency_key"] == key


async def test_a_replay_says_where_the_request_is_as_the_first_answer_did(service: Service, receiver: Receiver) -> None:
    body = {"payload": {"num_transactions": 1}, "callback_url": receiver.url}
    first, second = [await service.client.post("/api/async", json=body, headers=KEY) for _ in range(2)]
    sync = [await service.client.post("/api/sync", json={}, headers=KEY) for _ in range(2)][1]

    assert (first.status_code, second.status_code) == (202, 200)
    assert second.headers["location"] == first.headers["location"] == first.json()["status_url"]
    assert second.json()["status_url"] == first.json()["status_url"]
    assert "location" not in sync.headers
    assert "status_url" not in sync.json()


async def test_the_standard_name_of_the_header_is_accepted_as_well(service: Service) -> None:
    first = await service.client.post("/api/sync", json={}, headers={"Idempotency-Key": "k"})
    second = await service.client.post("/api/sync", json={}, headers={"X-Idempotency-Key": "k"})

    assert second.json()["request_id"] == first.json()["request_id"]
