"""The walls between accounts: what belongs to another one is not there.

Rows are given to an account as its submissions will: `account` says who sees them, `caller` who is counted.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from src.controllers import downloads_controller, queue_controller, requests_controller
from src.errors import NotFound
from src.models import Status
from src.services.engine.visible_state import visible_state
from src.services.identity.caller import EVERYTHING, View, account_of
from src.services.live.frames import Event
from src.services.requests.filters import Filters
from tests.support.databases import run_sql
from tests.support.openapi import document
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
ACME = View("acme")
OTHERS = [View(), View("ACME"), View("other")]
ACCOUNT = "INSERT INTO accounts (name, created_at) VALUES ('acme', now()) ON CONFLICT DO NOTHING"
GIVE = "UPDATE requests SET account = 'acme', caller = '@acme' WHERE input_payload->>'report_name' LIKE 'canary%'"


async def delivered(service: Service, receiver: Receiver, name: str, **payload: Any) -> UUID:
    accepted = await service.submit(f"{receiver.url}?{name}", report_name=name, **payload)
    await service.callback_ended(accepted["request_id"])
    return UUID(accepted["request_id"])


@pytest.fixture
async def of_acme(service: Service, receiver: Receiver, database_url: str) -> UUID:
    """Store one request of an account, delivered, and one of everybody's."""
    request_id = await delivered(service, receiver, "canary")
    await delivered(service, receiver, "mine")
    await run_sql(database_url, ACCOUNT, GIVE)
    return request_id


USE_CASES: list[Callable[[Service, View, UUID], Awaitable[Any]]] = [
    lambda s, view, one: requests_controller.get_request(s.parts, view, one),
    lambda s, view, one: requests_controller.get_callback_logs(s.parts, view, one),
    lambda s, view, one: requests_controller.explain_request(s.parts, view, one),
    lambda s, view, one: requests_controller.redeliver(s.parts, view, one),
    lambda s, view, one: downloads_controller.get_report(s.parts.downloads, view, one),
    lambda s, view, one: requests_controller.delete_request(s.parts, view, one),
]


@pytest.mark.parametrize("use", USE_CASES)
async def test_what_belongs_to_another_account_is_not_found_and_stays_as_it_is(
    service: Service, of_acme: UUID, use: Callable[[Service, View, UUID], Awaitable[Any]]
) -> None:
    before = await requests_controller.get_request(service.parts, ACME, of_acme)
    refused, unknown = [], []
    for view in OTHERS:
        with pytest.raises(NotFound) as of_another:
            await use(service, view, of_acme)
        with pytest.raises(NotFound) as of_nobody:
            await use(service, view, uuid4())
        refused.append(of_another.value.detail)
        unknown.append(of_nobody.value.detail)
    after = await requests_controller.get_request(service.parts, ACME, of_acme)

    assert refused == unknown
    assert after == before
    await use(service, ACME, of_acme)


@pytest.mark.parametrize("view", [ACME, EVERYTHING])
async def test_an_account_and_the_operator_see_it(service: Service, of_acme: UUID, view: View) -> None:
    page = await requests_controller.list_requests(service.parts, Filters(view=view), 10, None)
    counts = await requests_controller.count_requests(service.parts, Filters(view=view))

    assert of_acme in {row.id for row in page.requests}
    assert counts.total == len(page.requests) == (1 if view is ACME else 2)


async def test_deleting_everything_deletes_what_is_ones_own(service: Service, of_acme: UUID) -> None:
    assert await requests_controller.delete_all(service.parts, View("other")) == 0
    assert (await service.client.delete("/api/requests")).json()["count"] == 1
    assert await requests_controller.get_request(service.parts, ACME, of_acme)
    assert (await service.client.delete("/api/requests?status=COMPLETED")).json()["count"] == 0
    of_other = Filters(view=View("other"), status=Status.COMPLETED)
    assert await requests_controller.delete_matching(service.parts, of_other) == 0
    assert await requests_controller.delete_all(service.parts, ACME) == 1


async def test_nobody_waits_for_the_request_of_another(service: Service, of_acme: UUID) -> None:
    """With a time to wait of its own, the answer would tell that the request is there."""
    asked = [service.client.get(f"/api/requests/{one}", headers={"Prefer": "wait=20"}) for one in (of_acme, uuid4())]
    answers = [await one for one in asked]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert max(answer.elapsed.total_seconds() for answer in answers) < 5


async def test_nobody_cancels_the_request_of_another(
    run_service: RunService, receiver: Receiver, database_url: str
) -> None:
    settings = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 60}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        accepted = [await service.submit(receiver.url, report_name=f"canary-{n}") for n in range(2)]
        ids = [UUID(one["request_id"]) for one in accepted]
        await run_sql(database_url, ACCOUNT, GIVE)
        for one in (*ids, uuid4()):
            for view in OTHERS:
                with pytest.raises(NotFound):
                    await requests_controller.cancel(service.parts, view, one, notify=False)
        answers = [await service.client.post(f"/api/requests/{one}/cancel") for one in (ids[1], uuid4())]
        kept = [(await requests_controller.get_request(service.parts, ACME, one))[0].status for one in ids]
        for view, one in zip((ACME, EVERYTHING), ids, strict=True):
            await requests_controller.cancel(service.parts, view, one, notify=False)
        ended = [(await requests_controller.get_request(service.parts, ACME, one))[0].status for one in ids]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert "CANCELLED" not in kept
    assert ended == ["CANCELLED"] * 2


async def test_the_queue_counts_ones_own_alone(run_service: RunService, receiver: Receiver, database_url: str) -> None:
    settings = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 60}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        sent = [await service.submit(receiver.url, report_name=f"canary-{n}") for n in range(3)]
        ids = {UUID(accepted["request_id"]) for accepted in sent}
        await run_sql(database_url, ACCOUNT, GIVE)
        parts = service.parts
        of_acme, of_everybody, open_mode = [
            await queue_controller.snapshot(parts.reader, parts.engine, parts.priorities, view, parts.now())
            for view in (ACME, EVERYTHING, View())
        ]
        state = await visible_state(parts.reader, parts.engine, View())
        health = (await service.client.get("/api/health")).json()
        past = [await queue_controller.look_back(parts.reader, parts.now(), view, parts.now()) for view in (ACME,)]
        proofs = [await queue_controller.prove_order(parts.reader, parts.lane_ids, view, 10) for view in (ACME, View())]

    seen = [{row.id for row in (queue.processing, *queue.next) if row} for queue in (of_acme, of_everybody, open_mode)]
    assert seen == [ids, ids, set()]
    assert open_mode.depth.waiting == 0
    assert (open_mode.next, open_mode.processing, open_mode.oldest_age_ms) == ([], None, None)
    assert (state.busy_with, state.callbacks_in_flight, state.delivery) == (None, 0, None)
    assert (health["queue"]["waiting"], health["callbacks"]["due"]) == (0, 0)
    assert past[0].waiting + len(past[0].processing) == 3
    assert [proof.checked for proof in proofs] == [3, 0]


async def test_the_depths_of_the_queue_count_ones_own_alone(
    run_service: RunService, receiver: Receiver, database_url: str
) -> None:
    settings = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 60}
    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        for n in range(3):
            await service.submit(receiver.url, report_name=f"canary-{n}")
        await run_sql(database_url, ACCOUNT, GIVE)

    async with run_service(callback_allowed_origins=(receiver.origin,), **settings) as service:
        await eventually(lambda: bool(service.parts.reader.recent_depths.samples))
        [sample] = (await service.client.get("/api/queue/depths")).json()["samples"]

    assert (sample["waiting"], sample["callbacks_owed"]) == (0, 0)


async def test_an_explanation_counts_ones_own_alone(service: Service, receiver: Receiver, database_url: str) -> None:
    for n in range(3):
        await delivered(service, receiver, f"canary-{n}")
    last = await delivered(service, receiver, "mine")
    await run_sql(database_url, GIVE, "UPDATE requests SET started_at = (SELECT max(started_at) FROM requests)")
    spans = (await service.client.get(f"/api/requests/{last}/explain")).json()

    assert "3 other" not in json.dumps(spans)


async def test_the_event_stream_tells_nothing_of_an_account(
    service: Service, receiver: Receiver, database_url: str, of_acme: UUID
) -> None:
    """Redelivered, attempted, deleted: everything that makes an event."""
    mine = (await service.client.get("/api/requests")).json()["requests"][0]["request_id"]
    parts = service.parts
    frames: list[str] = []

    async def until(kind: str) -> None:
        async with asyncio.timeout(20):
            while not (frames and kind in frames[-1] and mine in frames[-1]):
                frames.append((await watcher.next()).text)

    with parts.events.watching(lambda spread_s: Event("hello", {"spread_s": spread_s})) as watcher:
        await requests_controller.redeliver(parts, ACME, of_acme)
        await receiver.got(3)
        await requests_controller.redeliver(parts, View(), UUID(mine))
        await until("callback.attempted")
        await requests_controller.delete_request(parts, ACME, of_acme)
        await service.client.delete(f"/api/requests/{mine}")
        await until("request.deleted")

    assert [frame for frame in frames if str(of_acme) in frame or "canary" in frame or "acme" in frame] == []


def reads() -> list[str]:
    paths = document()["paths"]
    return [path for path, operations in paths.items() if "get" in operations]


#: They never end by themselves, and have tests of their own.
STREAMS = {"/api/events"}


@pytest.mark.parametrize("path", sorted(set(reads()) - STREAMS))
async def test_the_open_mode_shows_nothing_of_an_account(service: Service, of_acme: UUID, path: str) -> None:
    """Made from the document: a new operation that shows requests fails here until it keeps the walls."""
    url = (
        path.replace("{request_id}", str(of_acme)).replace("{file}", f"{of_acme}.csv").replace("{run_id}", str(uuid4()))
    )
    query = {"a": str(uuid4()), "b": str(uuid4())} if path.endswith("comparison") else {}
    answers = [await service.client.get(url, params=query)]
    if path == "/api/requests":
        answers += [await service.client.get(url, params={"q": text}) for text in (str(of_acme), "canary", "http://")]

    assert all(answer.status_code in {200, 403, 404} for answer in answers), answers
    assert all(leaks(answer, of_acme) == [] for answer in answers)


def leaks(answer: httpx.Response, request_id: UUID) -> list[str]:
    """What an answer shows of the account's request, other than the address that was asked for."""
    text = answer.text.replace(str(answer.request.url.raw_path.decode()), "")
    return [word for word in (str(request_id), "canary", "acme") if word in text]


def test_an_account_may_be_called_like_an_address() -> None:
    assert account_of("127.0.0.1") is None
    assert account_of("@127.0.0.1") == "127.0.0.1"
    assert not View().shows_caller("@127.0.0.1")
    assert not View("127.0.0.1").shows_caller("127.0.0.1")
