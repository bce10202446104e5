"""Bulk redeliveries: what matches and nothing else, once, in order, at a limited rate, over crashes."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from src.services.requests.redeliveries import WINDOW_POSITIONS
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

FAILED = {"callback_status": "FAILED"}
#: Callbacks that have ended, as they lie in the table; `{receiver}` may be where nobody listens.
ROWS = """
WITH counted AS (
    UPDATE queue_counter SET last_position = last_position + {count} RETURNING last_position - {count} AS first
)
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, queue_position, callback_url, receiver,
                      callback_status, callback_attempts, created_at, started_at, completed_at, callback_finished_at)
SELECT gen_random_uuid(), 'async', 'COMPLETED', '192.0.2.1', made.input_payload, made.result_payload,
       first + n, '{receiver}/webhook', '{receiver}', '{status}', 4, at, at, at, at
FROM counted, generate_series(1, {count}) AS n,
     (SELECT input_payload, result_payload FROM requests WHERE mode = 'sync' LIMIT 1) AS made,
     LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1 second' AS at) AS times
"""


async def have(service: Service, receiver: str, count: int, status: str = "FAILED") -> None:
    """Let callbacks have ended, a second apart; what they tell of is what a sync report was made from."""
    await service.client.post("/api/sync", json={"num_transactions": 1})
    await run_sql(service.settings.database_url, ROWS.format(receiver=receiver, count=count, status=status))


async def post(service: Service, body: Any, **headers: str) -> Any:
    return await service.client.post("/api/redeliveries", json=body, headers=headers)


async def begin(service: Service, wanted: dict[str, str], count: int, **headers: str) -> dict[str, Any]:
    answer = await post(service, {"filter": wanted, "dry_run": False, "expected_count": count}, **headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == answer.json()["status_url"]
    started: dict[str, Any] = answer.json()
    return started


async def state(service: Service, redelivery: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = (await service.client.get(f"/api/redeliveries/{redelivery['id']}")).json()
    return read


async def drained(service: Service, redelivery: dict[str, Any], within_s: float = 30) -> dict[str, Any]:
    """Wait until everything is queued and has ended."""

    async def is_drained() -> bool:
        now = await state(service, redelivery)
        return bool(now["status"] != "RUNNING" and now["succeeded"] + now["failed"] == now["queued"])

    await eventually(is_drained, within_s)
    return await state(service, redelivery)


Run = Callable[..., AbstractAsyncContextManager[Service]]


def at_rate(run_service: Run, receiver: Receiver, rate: str) -> AbstractAsyncContextManager[Service]:
    """Run the service with a rate of redeliveries."""
    return run_service(callback_allowed_origins=(receiver.origin,), redelivery_rate=rate)


async def test_a_dry_run_counts_what_matches_and_changes_nothing(service: Service, receiver: Receiver) -> None:
    await have(service, receiver.origin, 30)
    await have(service, "http://elsewhere.test:80", 12)
    await have(service, receiver.origin, 5, "SUCCESS")
    before = await fetch(service.settings.database_url, "SELECT * FROM requests ORDER BY id")

    preview = (await post(service, {"filter": FAILED})).json()

    assert preview["count"] == 42
    assert preview["by_receiver"] == {receiver.origin: 30, "http://elsewhere.test:80": 12}
    assert [one["queue_position"] for one in preview["sample"]] == list(range(1, 11))
    assert await fetch(service.settings.database_url, "SELECT * FROM requests ORDER BY id") == before
    assert await fetch(service.settings.database_url, "SELECT id FROM redeliveries") == []


async def test_what_matches_is_delivered_once_in_the_order_of_acceptance(service: Service, receiver: Receiver) -> None:
    await have(service, receiver.origin, 40)
    await have(service, receiver.origin, 5, "SUCCESS")

    ended = await drained(service, await begin(service, FAILED, 40))

    assert (ended["status"], ended["count"], ended["queued"]) == ("COMPLETED", 40, 40)
    assert (ended["succeeded"], ended["failed"]) == (40, 0)
    assert receiver.positions == list(range(1, 41))


async def test_every_field_of_the_filter_narrows_it(service: Service) -> None:
    url = service.settings.database_url
    for receiver in ("http://one.test:80", "http://two.test:80"):
        await have(service, receiver, 10)
        await have(service, receiver, 10, "SUCCESS")
    await run_sql(url, "UPDATE requests SET callback_error_code = 'timeout' WHERE queue_position % 2 = 0")

    async def count(**wanted: str) -> int:
        number: int = (await post(service, {"filter": wanted})).json()["count"]
        return number

    assert await count(callback_status="SUCCESS") == 20
    assert await count(receiver="http://ONE.test") == 20
    assert await count(error_code="timeout") == 20
    assert await count(since="2026-01-01T00:00:03Z") == 32
    assert await count(until="2026-01-01T00:00:03Z") == 8
    assert await count(since="2026-01-01T01:00:03+01:00", until="2026-01-01T00:00:05Z", callback_status="FAILED") == 4
    assert await count(receiver="http://one.test:80", error_code="timeout", callback_status="FAILED") == 5
    assert await count(callback_status="CANCELLED") == 0


async def test_what_has_no_report_or_is_still_owed_is_left_alone(service: Service, receiver: Receiver) -> None:
    url = service.settings.database_url
    await have(service, receiver.origin, 4)
    await run_sql(
        url,
        "UPDATE requests SET status = 'FAILED', result_payload = NULL, failure_reason = 'x' WHERE queue_position = 1",
        "UPDATE requests SET callback_status = 'PENDING', callback_next_attempt_at = now() + interval '1 hour' "
        "WHERE queue_position = 2",
        "UPDATE requests SET run_id = gen_random_uuid() WHERE queue_position = 3",
    )

    wanted = {"receiver": receiver.origin}
    assert (await post(service, {"filter": wanted})).json()["count"] == 1
    assert (await drained(service, await begin(service, wanted, 1)))["queued"] == 1


async def test_what_was_cancelled_is_sent_once_no_attempt_can_be_under_way(
    service: Service, receiver: Receiver
) -> None:
    await have(service, receiver.origin, 3)
    await run_sql(
        service.settings.database_url,
        "UPDATE requests SET callback_status = 'CANCELLED', cancelled_at = callback_finished_at"
        " WHERE queue_position > 1",
        "UPDATE requests SET callback_finished_at = now() + interval '1 minute', cancelled_at = now()"
        " WHERE queue_position = 2",  # cancelled just now, however long this takes
    )
    counts = [
        (await post(service, {"filter": wanted})).json()["count"]
        for wanted in ({"callback_status": "CANCELLED"}, {"receiver": receiver.origin})
    ]
    ended = await drained(service, await begin(service, {"callback_status": "CANCELLED"}, 1))
    [sent] = (await service.client.get("/api/requests", params={"callback_status": "SUCCESS"})).json()["requests"]

    assert counts == [1, 2]
    assert (ended["queued"], ended["succeeded"], len(receiver.callbacks)) == (1, 1, 1)
    assert (sent["queue_position"], sent["cancelled_at"]) == (3, None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/filter"),
        ({"filter": {}}, "/filter"),
        ({"filter": {"q": "x"}}, "/filter/q"),
        ({"filter": {"callback_status": "PENDING"}}, "/filter/callback_status"),
        ({"filter": {"callback_status": None}}, "/filter/callback_status"),
        ({"filter": {"receiver": "example.com"}}, "/filter/receiver"),
        ({"filter": {"receiver": "http://x\u0000"}}, "/filter/receiver"),
        ({"filter": {"error_code": "bad"}}, "/filter/error_code"),
        ({"filter": {"since": "2026-01-01"}}, "/filter/since"),
        ({"filter": {"since": 1767225600}}, "/filter/since"),
        ({"filter": {"since": "0001-01-01T00:00:00+14:00"}}, "/filter/since"),
        ({"filter": {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}, "/filter"),
        ({"filter": FAILED, "dry_run": "false"}, "/dry_run"),
        ({"filter": FAILED, "dry_run": False}, ""),
        ({"filter": FAILED, "dry_run": False, "expected_count": -1}, "/expected_count"),
        ({"filter": FAILED, "dry_run": False, "expected_count": 100_001}, "/expected_count"),
    ],
)
async def test_bad_input_is_a_422_that_names_the_field(service: Service, body: Any, pointer: str) -> None:
    answer = await post(service, body)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await fetch(service.settings.database_url, "SELECT id FROM redeliveries") == []


async def test_more_than_a_hundred_thousand_are_refused(service: Service) -> None:
    await have(service, "http://elsewhere.test:80", 100_001)

    answer = await post(service, {"filter": FAILED})

    assert answer.status_code == 422
    assert "100,000" in answer.json()["detail"]
    assert (await post(service, {"filter": {**FAILED, "since": "2026-01-01T00:00:02Z"}})).json()["count"] == 100_000


async def test_a_count_that_moved_by_more_than_a_tenth_starts_nothing(service: Service, receiver: Receiver) -> None:
    await have(service, receiver.origin, 20)
    bodies = [{"filter": FAILED, "dry_run": False, "expected_count": count} for count in (18, 23, 0)]

    answers = [await post(service, body) for body in bodies]

    assert [answer.status_code for answer in answers] == [409] * 3
    assert {answer.json()["type"].rpartition(":")[2] for answer in answers} == {"count-moved"}
    assert receiver.callbacks == []
    assert (await begin(service, FAILED, 22))["count"] == 20


async def test_one_at_a_time_and_a_key_is_good_for_one(run_service: Run, receiver: Receiver) -> None:
    async with at_rate(run_service, receiver, "60/minute") as service:
        await have(service, receiver.origin, 20)
        body = {"filter": FAILED, "dry_run": False, "expected_count": 20}
        started = await begin(service, FAILED, 20, **{"X-Idempotency-Key": "again"})

        again = await post(service, body, **{"X-Idempotency-Key": "again"})
        other_body = await post(service, {**body, "expected_count": 19}, **{"X-Idempotency-Key": "again"})
        second = await post(service, body)

        assert (again.status_code, again.json()["id"]) == (200, started["id"])
        assert again.headers["idempotent-replayed"] == "true"
        assert other_body.json()["type"].endswith("idempotency-key-reused")
        assert (second.status_code, second.json()["type"].rpartition(":")[2]) == (409, "conflict")


async def test_cancelling_leaves_out_what_is_not_queued(run_service: Run, receiver: Receiver) -> None:
    async with at_rate(run_service, receiver, "60/minute") as service:
        await have(service, receiver.origin, 50)
        started = await begin(service, FAILED, 50)
        await receiver.got(1)

        answers = [await service.client.post(f"{started['status_url']}/cancel") for _ in range(2)]
        ended = await drained(service, started)

        assert [answer.status_code for answer in answers] == [200, 200]
        assert ended["status"] == "CANCELLED"
        assert 1 <= ended["queued"] == ended["succeeded"] < 50
        left = await fetch(service.settings.database_url, "SELECT id FROM requests WHERE callback_status = 'FAILED'")
        assert len(left) == 50 - ended["queued"]


async def test_what_is_queued_completely_cannot_be_cancelled(service: Service, receiver: Receiver) -> None:
    await have(service, receiver.origin, 2)
    started = await begin(service, FAILED, 2)
    await drained(service, started)

    assert (await service.client.post(f"{started['status_url']}/cancel")).status_code == 409


async def test_it_goes_no_faster_than_its_rate(run_service: Run, receiver: Receiver) -> None:
    async with at_rate(run_service, receiver, "20/second") as service:
        await have(service, receiver.origin, 30)
        await drained(service, await begin(service, FAILED, 30))

    took = receiver.callbacks[-1].arrived_s - receiver.callbacks[0].arrived_s
    assert took > 0.9  # two more batches of ten, half a second apart


async def test_a_restart_goes_on_where_the_last_process_stopped(run_service: Run, receiver: Receiver) -> None:
    async with at_rate(run_service, receiver, "10/second") as service:
        await have(service, receiver.origin, 25)
        started = await begin(service, FAILED, 25)
        await receiver.got(5)
    async with at_rate(run_service, receiver, "1000/second") as service:
        ended = await drained(service, started)

    assert (ended["status"], ended["queued"], ended["succeeded"]) == ("COMPLETED", 25, 25)
    positions = receiver.positions
    assert Counter(positions).keys() == set(range(1, 26))
    assert list(dict.fromkeys(positions)) == list(range(1, 26))


async def test_two_servers_queue_each_callback_once_at_one_rate(run_service: Run, receiver: Receiver) -> None:
    async with (
        at_rate(run_service, receiver, "20/second") as one,
        at_rate(run_service, receiver, "20/second"),
    ):
        await have(one, receiver.origin, 40)
        ended = await drained(one, await begin(one, FAILED, 40))

    assert ended["queued"] == 40
    assert receiver.positions == list(range(1, 41))
    assert receiver.callbacks[-1].arrived_s - receiver.callbacks[0].arrived_s > 1.4  # three more batches


async def test_few_that_match_among_many_are_found_window_by_window(service: Service, receiver: Receiver) -> None:
    await have(service, "http://elsewhere.test:80", WINDOW_POSITIONS * 3, "SUCCESS")
    await have(service, receiver.origin, 2)

    ended = await drained(service, await begin(service, FAILED, 2))

    assert (ended["status"], ended["succeeded"]) == ("COMPLETED", 2)


async def test_a_callback_that_fails_again_is_counted_and_not_sent_a_third_time(
    service: Service, receiver: Receiver
) -> None:
    receiver.answer = lambda _number, _callback: 400
    await have(service, receiver.origin, 3)

    ended = await drained(service, await begin(service, FAILED, 3))

    assert (ended["succeeded"], ended["failed"], len(receiver.callbacks)) == (0, 3, 3)


async def test_what_was_counted_stays_when_its_requests_are_sent_again(service: Service, receiver: Receiver) -> None:
    await have(service, receiver.origin, 3)
    first = await begin(service, FAILED, 3)
    await drained(service, first)

    async def is_settled() -> bool:
        return bool((await state(service, first))["settled_at"])

    await eventually(is_settled)
    second = await begin(service, {"receiver": receiver.origin}, 3)
    await drained(service, second)

    assert (await state(service, first))["succeeded"] == 3
    assert (await state(service, second))["succeeded"] == 3


async def test_what_is_cancelled_while_it_is_redelivered_leaves_nothing_open(
    run_service: Run, receiver: Receiver
) -> None:
    receiver.answer = lambda _number, _callback: 503
    settings = {"callback_retry_delays": (3_600,), "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        await have(service, receiver.origin, 2)
        redelivery = await begin(service, FAILED, 2)

        async def is_queued() -> bool:
            return bool((await state(service, redelivery))["queued"] == 2)

        await eventually(is_queued)
        for request in (await service.client.get("/api/requests?mode=async")).json()["requests"]:
            assert (await service.client.post(f"/api/requests/{request['id']}/cancel")).status_code == 200

        async def is_settled() -> bool:
            return bool((await state(service, redelivery))["settled_at"])

        await eventually(is_settled)
        ended = await state(service, redelivery)

    assert (ended["status"], ended["succeeded"], ended["failed"]) == ("COMPLETED", 0, 0)


async def test_the_list_goes_page_by_page_newest_first(service: Service) -> None:
    url = service.settings.database_url
    for number in range(5):
        at = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
        await run_sql(
            url,
            "INSERT INTO redeliveries (id, caller, status, filter, count, last_position, created_at, ended_at)"
            f" VALUES ('{UUID(int=number)}', 'c', 'COMPLETED', '{{}}', 0, 0, '{at}', '{at}')",
        )
    first = await service.client.get("/api/redeliveries?limit=3")
    rest = await service.client.get(first.links["next"]["url"])

    seen = [one["id"] for page in (first, rest) for one in page.json()["redeliveries"]]
    assert seen == [str(UUID(int=number)) for number in (4, 3, 2, 1, 0)]
    assert rest.json()["next_cursor"] is None


async def test_an_unknown_redelivery_is_a_404(service: Service) -> None:
    for redelivery_id in (UUID(int=1), "x"):
        path = f"/api/redeliveries/{redelivery_id}"
        answers = await asyncio.gather(service.client.get(path), service.client.post(f"{path}/cancel"))
        assert [answer.status_code for answer in answers] == [404, 404]
