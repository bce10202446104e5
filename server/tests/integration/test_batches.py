"""Batches: all of it or nothing, at consecutive positions, within the limits, once for each key."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.controllers import batch_controller
from src.errors import NotFound
from src.services.identity.caller import EVERYTHING, View
from tests.support.batches import batch_completed, batch_state, post_batch, submit_batch
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]
JSON = {"Content-Type": "application/json"}
KEY = {"X-Idempotency-Key": "month-end"}


def report(rows: int = 1, **more: Any) -> dict[str, Any]:
    return {"payload": {"num_transactions": rows}, **more}


async def stored(service: Service) -> tuple[int, int, int]:
    """How many requests and batches there are, and the last position that was given out."""
    [row] = await fetch(
        service.settings.database_url,
        "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM batches), last_position FROM queue_counter",
    )
    return tuple(row)


#: A report of 60 rows keeps the worker busy for a minute.
BUSY: dict[str, Any] = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 60}


async def test_a_batch_of_1000_is_stored_at_consecutive_positions_in_the_order_given(
    run_service: RunService, receiver: Receiver
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,), **BUSY) as service:
        await service.submit(receiver.url, num_transactions=60)
        names = [f"report {n}" for n in range(1_000)]
        requests = [{"payload": {"report_name": name}, "callback_url": receiver.url} for name in names]
        answer = await post_batch(service, *requests, name="Month end")
        accepted = answer.json()
        single = await service.submit(receiver.url, num_transactions=1)
        rows = await fetch(
            service.settings.database_url,
            "SELECT id, queue_position, input_payload->>'report_name' FROM requests WHERE batch_id IS NOT NULL"
            " ORDER BY queue_position",
        )
        state = await batch_state(service, accepted["batch_id"])
        pages, url = [], f"/api/batches/{accepted['batch_id']}/requests?limit=200"
        while url:
            page = await service.client.get(url)
            pages.append(page.json()["requests"])
            url = page.links.get("next", {}).get("url", "")
        newest = (await service.client.get(f"/api/requests?batch_id={accepted['batch_id']}&limit=50")).json()[
            "requests"
        ]

    assert answer.status_code == 202
    assert answer.headers["location"] == accepted["status_url"] == f"/api/batches/{accepted['batch_id']}"
    assert (accepted["status"], accepted["count"]) == ("pending", 1_000)
    assert (accepted["first_position"], accepted["last_position"]) == (2, 1_001)
    assert single["queue_position"] == 1_002
    assert [tuple(row) for row in rows] == [
        (UUID(member["request_id"]), 2 + n, names[n]) for n, member in enumerate(accepted["requests"])
    ]
    assert [member["index"] for member in accepted["requests"]] == list(range(1_000))
    assert [one["queue_position"] for one in newest] == list(range(1_001, 951, -1))
    assert (state["name"], state["count"], state["counts"]["PENDING"], state["progress"]) == (
        "Month end",
        1_000,
        1_000,
        0,
    )
    assert [len(page) for page in pages] == [200] * 5
    assert [entry["index"] for page in pages for entry in page] == list(range(1_000))


async def test_it_is_completed_when_the_last_of_its_reports_has_ended(service: Service, receiver: Receiver) -> None:
    accepted = await submit_batch(service, report(), report(callback_url=receiver.url, priority="high"), report(3))
    state = await batch_completed(service, accepted["batch_id"])
    entries = (await service.client.get(f"{accepted['status_url']}/requests")).json()["requests"]
    listed = (await service.client.get("/api/batches")).json()

    assert (state["status"], state["progress"]) == ("COMPLETED", 1)
    assert state["counts"] == {"PENDING": 0, "PROCESSING": 0, "COMPLETED": 3, "FAILED": 0, "CANCELLED": 0, "deleted": 0}
    assert state["completed_at"] == max(entry["completed_at"] for entry in entries)
    assert [entry["num_transactions"] for entry in entries] == [1, 1, 3]
    assert all(len(entry["sha256"]) == 64 and entry["download_url"] for entry in entries)
    assert {entry["batch_id"] for entry in entries} == {accepted["batch_id"]}
    assert [one["batch_id"] for one in listed["batches"]] == [accepted["batch_id"]]


async def test_entries_that_fail_or_are_deleted_leave_no_batch_open(run_service: RunService, database_url: str) -> None:
    async with run_service(**BUSY) as service:
        accepted = await submit_batch(service, *[report(60)] * 4)
        first, second, third, last = [UUID(member["request_id"]) for member in accepted["requests"]]
        await service.client.delete(f"/api/requests/{last}")
        await service.client.delete(f"/api/requests/{third}")
        half = await batch_state(service, accepted["batch_id"])
        failed = f"status = 'FAILED', failure_reason = 'x', completed_at = now() WHERE id IN ('{first}', '{second}')"
        await run_sql(database_url, f"UPDATE requests SET {failed}")
        state = await batch_state(service, accepted["batch_id"])

    assert (half["counts"]["deleted"], half["progress"], half["completed_at"]) == (2, 0.5, None)
    assert (state["status"], state["progress"]) == ("COMPLETED", 1)
    assert state["counts"] == {"PENDING": 0, "PROCESSING": 0, "COMPLETED": 0, "FAILED": 2, "CANCELLED": 0, "deleted": 2}


THOUSAND = [report() if n != 617 else {"payload": {"seed": "x"}} for n in range(1_000)]
BAD: list[tuple[list[Any], dict[str, Any], list[str]]] = [
    (THOUSAND, {}, ["/requests/617/payload/seed"]),
    ([], {}, ["/requests"]),
    ([report()] * 1_001, {}, ["/requests"]),
    ([report(), report(0), report(), report(10_000_000)], {}, ["/requests/1/payload/num_transactions"]),
    ([report(), report(9_000_000)], {}, ["/requests/1/payload/num_transactions"]),
    ([report(callback_url="http://10.0.0.1/")], {}, ["/requests/0/callback_url"]),
    ([report(), report(priority="urgent")], {}, ["/requests/1/priority"]),
    ([report()], {"callback_url": "https://hooks.example.com/"}, ["/callback_url"]),
    ([report()], {"callbacks": "batch"}, ["/callback_url"]),
    ([report()], {"callbacks": "both"}, ["/callback_url"]),
    (
        [report(), report(callback_url="https://hooks.example.com/")],
        {"callbacks": "batch", "callback_url": "https://hooks.example.com/"},
        ["/requests/1/callback_url"],
    ),
    ([report()], {"callbacks": "batch", "callback_url": "http://10.0.0.1/"}, ["/callback_url"]),
    ([report()], {"callbacks": "none"}, ["/callbacks"]),
    ([report()], {"name": ""}, ["/name"]),
    ([report()], {"extra": 1}, ["/extra"]),
    ([report(extra=1)] * 200, {}, [f"/requests/{n}/extra" for n in range(100)]),
    ([report(callback_url="http://10.0.0.1/")] * 200, {}, [f"/requests/{n}/callback_url" for n in range(100)]),
]


async def test_a_fault_anywhere_names_itself_and_stores_nothing(service: Service) -> None:
    answers = [await post_batch(service, *requests, **body) for requests, body, _ in BAD]
    named = [[error["pointer"] for error in answer.json()["errors"]] for answer in answers]

    assert {answer.status_code for answer in answers} == {422}
    assert named == [pointers for *_, pointers in BAD]
    assert await stored(service) == (0, 0, 0)


async def test_the_body_may_have_1_mib_and_no_more(service: Service) -> None:
    body = json.dumps({"requests": [report()] * 5}).encode()
    sizes = (1024 * 1024, 1024 * 1024 + 1)
    answers = [await service.client.post("/api/batch", content=body.ljust(size), headers=JSON) for size in sizes]

    assert [answer.status_code for answer in answers] == [202, 413]
    assert (await stored(service))[:2] == (5, 1)


async def test_the_same_key_stores_one_batch_and_answers_with_its_members(service: Service) -> None:
    requests = [report(), report(2)]
    answers = await asyncio.gather(*(post_batch(service, *requests, headers=KEY) for _ in range(30)))
    [created] = [answer.json() for answer in answers if answer.status_code == 202]
    duplicates = [answer for answer in answers if answer.status_code == 200]
    other = await post_batch(service, report(), headers=KEY)
    single = await service.client.post("/api/async", json=report(), headers=KEY)

    assert len(duplicates) == 29
    assert [answer.json() for answer in duplicates] == [{**created, "status": "duplicate"}] * 29
    assert {answer.headers["idempotent-replayed"] for answer in duplicates} == {"true"}
    assert (other.status_code, other.json()["type"].rsplit(":", 1)[1]) == (422, "idempotency-key-reused")
    assert single.status_code == 202
    assert await stored(service) == (3, 1, 3)


async def test_a_key_is_free_again_a_day_after_its_batch_has_ended(service: Service, database_url: str) -> None:
    first = await submit_batch(service, report(), headers=KEY)
    await batch_completed(service, first["batch_id"])
    await run_sql(database_url, "UPDATE batches SET completed_at = completed_at - interval '25 hours'")
    second = await submit_batch(service, report(), headers=KEY)
    await run_sql(
        database_url,
        "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours'",
        "UPDATE batches SET completed_at = now() - interval '25 hours', remaining = 0",
    )
    await service.parts.store.expire_keys(service.parts.now())

    assert second["batch_id"] != first["batch_id"]
    assert await fetch(database_url, "SELECT key FROM idempotency_keys") == []


async def test_each_entry_counts_against_the_rate_limit(run_service: RunService) -> None:
    async with run_service(rate_limit_async="10/minute") as service:
        seven = await post_batch(service, *[report()] * 7)
        four = await post_batch(service, *[report()] * 4)
        eleven = await post_batch(service, *[report()] * 11)
        one = await post_batch(service, report())
        none = await post_batch(service, report())
        after = await stored(service)

    assert [one.status_code for one in (seven, four, eleven, one, none)] == [202, 429, 422, 202, 429]
    assert [one.headers["x-ratelimit-remaining"] for one in (seven, four, eleven, one, none)] == [
        "3",
        "2",
        "1",
        "0",
        "0",
    ]
    assert four.json()["type"].endswith(":rate-limited")
    assert 55 <= int(four.headers["retry-after"]) <= 60
    assert eleven.json()["type"].endswith(":batch-exceeds-rate-limit")
    assert "10 requests a minute" in eleven.json()["detail"]
    assert after == (8, 2, 8)


async def test_a_repeat_under_its_key_counts_as_one(run_service: RunService) -> None:
    async with run_service(rate_limit_async="10/minute") as service:
        answers = [await post_batch(service, *[report()] * 9, headers=KEY) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 200]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0"]


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"max_pending_requests": 9}, "unavailable"),
        ({"max_pending_per_caller": 9}, "too-many-waiting"),
        ({"max_receivers_per_caller": 1}, "too-many-receivers"),
    ],
)
async def test_what_may_wait_holds_for_the_whole_batch(
    run_service: RunService, receivers: list[Receiver], limits: dict[str, int], problem: str
) -> None:
    settings = {"callback_allowed_origins": tuple(receiver.origin for receiver in receivers), **limits}
    url, other = sorted(receiver.url for receiver in receivers)[:2]
    async with run_service(simulated_ms_per_transaction=500, rate_limit_async="100/minute", **settings) as service:
        ten = [report(callback_url=(url, other)[n % 2]) for n in range(10)]
        refused = await post_batch(service, *ten)
        nothing = await stored(service)
        fits = await post_batch(service, *[report(callback_url=url) for _ in range(9)])

    assert refused.status_code in {429, 503}
    assert refused.json()["type"].endswith(f":{problem}")
    assert refused.headers["x-ratelimit-remaining"] == "99"
    assert nothing == (0, 0, 0)
    assert fits.status_code == 202


async def test_singles_and_batches_at_the_same_moment_leave_no_gap(service: Service) -> None:
    sent = [post_batch(service, *[report()] * (1 + n % 7)) for n in range(20)]
    sent += [service.client.post("/api/async", json=report()) for _ in range(20)]
    answers = await asyncio.gather(*sent)
    taken = [
        position
        for accepted in (answer.json() for answer in answers)
        for position in (
            range(accepted["first_position"], accepted["last_position"] + 1)
            if "first_position" in accepted
            else [accepted["queue_position"]]
        )
    ]

    assert sorted(taken) == list(range(1, len(taken) + 1))


async def test_what_belongs_to_another_account_is_not_there(service: Service, database_url: str) -> None:
    accepted = await submit_batch(service, report(), name="canary")
    await batch_completed(service, accepted["batch_id"])
    batch_id, acme = UUID(accepted["batch_id"]), View("acme")
    await run_sql(
        database_url,
        "UPDATE batches SET account = 'acme', caller = '@acme'",
        "UPDATE requests SET account = 'acme', caller = '@acme'",
    )
    store = service.parts.batches.store
    for use in (
        lambda view, one: batch_controller.get_batch(store, view, one),
        lambda view, one: batch_controller.list_entries(store, view, one, 10, None),
    ):
        for view in (View(), View("ACME"), View("other")):
            with pytest.raises(NotFound) as of_another:
                await use(view, batch_id)
            with pytest.raises(NotFound) as of_nobody:
                await use(view, uuid4())
            assert of_another.value.detail == of_nobody.value.detail
        assert await use(acme, batch_id)

    pages = [await batch_controller.list_batches(store, view, 10, None) for view in (View(), acme, EVERYTHING)]
    answers = [await service.client.get(path) for path in ("/api/batches", accepted["status_url"])]

    assert [len(states) for states, _ in pages] == [0, 1, 1]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert not any("canary" in answer.text for answer in answers)


async def test_a_list_of_batches_has_pages(service: Service) -> None:
    ids = [(await submit_batch(service, report()))["batch_id"] for _ in range(5)]
    first = await service.client.get("/api/batches?limit=3")
    second = await service.client.get(first.links["next"]["url"])
    refused = [
        await service.client.get(path)
        for path in ("/api/batches?cursor=x", f"/api/batches/{ids[0]}/requests?cursor=x", "/api/batches?owner=x")
    ]

    assert [one["batch_id"] for page in (first, second) for one in page.json()["batches"]] == ids[::-1]
    assert second.json()["next_cursor"] is None
    assert [answer.status_code for answer in refused] == [422] * 3
