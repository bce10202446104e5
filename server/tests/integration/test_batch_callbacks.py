"""`batch.completed`: once, under one id, behind the callbacks of the entries; cancel, delete, retention of batches."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.controllers import batch_controller
from src.errors import NotFound
from src.routes.wire.batch_callbacks import BatchCallbackMessage
from src.services.identity.caller import View
from src.services.live.frames import Event
from tests.support.batches import batch_completed, batch_state, submit_batch
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Callback, Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]


def reports(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"payload": {"num_transactions": 1 + n}, **more} for n in range(count)]


def failing(times: int, status: int = 500) -> Callable[[int, Callback], int]:
    """Refuse the first callbacks."""
    return lambda number, _callback: status if number < times else 200


async def callback_ended(service: Service, batch_id: str) -> dict[str, Any]:
    """Wait until the callback of a batch has ended."""

    async def ended() -> bool:
        return (await batch_state(service, batch_id))["callback_status"] in {"SUCCESS", "FAILED", "CANCELLED"}

    await eventually(ended, 20)
    return await batch_state(service, batch_id)


async def logs(service: Service, batch_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.client.get(f"/api/batches/{batch_id}/callback-logs")).json()["logs"]
    return found


def bodies(receiver: Receiver, kind: str) -> list[dict[str, Any]]:
    return [one.body for one in receiver.callbacks if one.body["type"] == kind]


async def test_one_callback_tells_of_the_whole_batch(service: Service, receiver: Receiver) -> None:
    to = {"callback_url": receiver.url, "callbacks": "batch", "name": "Month end"}
    accepted = await submit_batch(service, *reports(5), **to)
    state = await callback_ended(service, accepted["batch_id"])
    [attempt] = await logs(service, accepted["batch_id"])
    entries = (await service.client.get(f"{accepted['status_url']}/requests")).json()["requests"]
    [message] = bodies(receiver, "batch.completed")
    base = service.settings.public_base_url

    assert BatchCallbackMessage.model_validate(message).batch_id == UUID(accepted["batch_id"])
    assert len(receiver.callbacks) == 1
    assert state["callback_status"] == "SUCCESS"
    assert (message["batch_id"], message["name"], message["status"]) == (accepted["batch_id"], "Month end", "completed")
    assert message["data"]["count"] == message["data"]["counts"]["COMPLETED"] == 5
    assert message["data"]["entries"] == [
        {
            "index": entry["index"],
            "request_id": entry["request_id"],
            "status": "completed",
            "sha256": entry["sha256"],
            "link": base + entry["download_url"],
        }
        for entry in entries
    ]
    assert message["links"] == {
        "batch": f"{base}{accepted['status_url']}",
        "requests": f"{base}{accepted['status_url']}/requests",
    }
    assert attempt["request"]["headers"]["webhook-id"] == f"msg_{UUID(accepted['batch_id']).hex}"
    assert attempt["request"]["body"] == receiver.callbacks[0].raw.decode()
    assert (attempt["success"], attempt["status_code"]) == (True, 200)


async def test_it_comes_behind_the_callbacks_of_the_entries_at_that_receiver_and_holds_up_nothing(
    service: Service, receiver: Receiver
) -> None:
    receiver.answer = failing(2)
    accepted = await submit_batch(
        service, *reports(30, callback_url=receiver.url), callback_url=receiver.url, callbacks="both"
    )
    later = await service.submit(receiver.url, num_transactions=1)
    await callback_ended(service, accepted["batch_id"])
    await service.callback_ended(later["request_id"])
    kinds = [one.body["type"] for one in receiver.callbacks]
    positions = [one.body["queue_position"] for one in receiver.callbacks if one.body["type"] == "report.completed"]

    assert kinds.count("batch.completed") == 1
    assert kinds.index("batch.completed") >= 32
    assert list(dict.fromkeys(positions)) == list(range(1, 32))


async def test_a_batch_above_100_names_no_entries(service: Service, receiver: Receiver) -> None:
    accepted = await submit_batch(service, *reports(101), callback_url=receiver.url, callbacks="batch")
    await callback_ended(service, accepted["batch_id"])
    [message] = bodies(receiver, "batch.completed")

    assert (message["data"]["count"], message["data"]["entries"]) == (101, None)


async def test_it_is_tried_again_logged_and_redelivered_under_one_id(service: Service, receiver: Receiver) -> None:
    receiver.answer = failing(2, 503)
    accepted = await submit_batch(service, *reports(2), callback_url=receiver.url, callbacks="batch")
    early = await service.client.post(f"{accepted['status_url']}/redeliver")
    await callback_ended(service, accepted["batch_id"])
    again = await service.client.post(f"{accepted['status_url']}/redeliver")
    await receiver.got(4)
    await callback_ended(service, accepted["batch_id"])
    tried = await logs(service, accepted["batch_id"])

    assert (early.status_code, again.status_code) == (409, 202)
    assert [one["status_code"] for one in tried] == [503, 503, 200, 200]
    assert len({one["request"]["headers"]["webhook-id"] for one in tried}) == 1
    assert len({one["request"]["body"] for one in tried}) == 1


async def test_a_batch_without_a_callback_has_none_to_redeliver(service: Service) -> None:
    accepted = await submit_batch(service, *reports(1))
    await batch_completed(service, accepted["batch_id"])
    answer = await service.client.post(f"{accepted['status_url']}/redeliver")

    assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[1]) == (409, "no-callback")
    assert (await service.client.get(f"{accepted['status_url']}/callback-logs")).json()["total_attempts"] == 0


@pytest.mark.parametrize("notify", [False, True])
async def test_a_cancel_ends_what_has_not_ended_and_tells_of_it_if_asked(
    run_service: RunService, receiver: Receiver, notify: bool
) -> None:
    settings = {"simulated_ms_per_transaction": 200, "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        entries = [{"payload": {"num_transactions": rows}} for rows in (1, 40, 1, 1)]
        accepted = await submit_batch(service, *entries, callback_url=receiver.url, callbacks="batch")

        async def second_begins() -> bool:
            return bool((await batch_state(service, accepted["batch_id"]))["counts"]["COMPLETED"])

        await eventually(second_begins, 20)
        url = f"{accepted['status_url']}/cancel"
        answers = [await service.client.post(url, json={"notify": notify}) for _ in range(2)]
        after = await service.submit(receiver.url, num_transactions=1)
        await service.callback_ended(after["request_id"])
        state = await callback_ended(service, accepted["batch_id"])
        redelivered = await service.client.post(f"{accepted['status_url']}/redeliver")

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["status"] for answer in answers} == {"CANCELLED"}
    assert (state["counts"]["COMPLETED"], state["counts"]["CANCELLED"], state["progress"]) == (1, 3, 1)
    told = bodies(receiver, "batch.completed")
    if notify:
        assert [message["status"] for message in told][:1] == ["cancelled"]
        assert [entry["status"] for entry in told[0]["data"]["entries"]] == ["completed", *["cancelled"] * 3]
        assert state["callback_status"] == "SUCCESS"
        assert redelivered.status_code == 202
    else:
        assert (told, state["callback_status"], redelivered.status_code) == ([], "CANCELLED", 409)


async def test_the_entries_own_receivers_are_told_of_a_cancel_before_the_batchs(
    run_service: RunService, receiver: Receiver
) -> None:
    settings = {"simulated_ms_per_transaction": 300, "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        to = {"callback_url": receiver.url, "callbacks": "both"}
        accepted = await submit_batch(service, *reports(4, callback_url=receiver.url), **to)
        await service.client.post(f"{accepted['status_url']}/cancel", json={"notify": True})
        await callback_ended(service, accepted["batch_id"])

    kinds = [one.body["type"] for one in receiver.callbacks]
    assert kinds[-1] == "batch.completed"
    assert kinds.count("report.cancelled") == bodies(receiver, "batch.completed")[0]["data"]["counts"]["CANCELLED"]


async def test_a_callback_alone_is_cancelled_and_begins_again(service: Service, receiver: Receiver) -> None:
    receiver.answer = failing(3)
    async with asyncio.timeout(30):
        accepted = await submit_batch(service, *reports(2), callback_url=receiver.url, callbacks="batch")
        await receiver.got(1)
        cancelled = await service.client.post(f"{accepted['status_url']}/cancel")
        sent = len(receiver.callbacks)
        again = await service.client.post(f"{accepted['status_url']}/cancel")
        await asyncio.sleep(0)
    state = await batch_state(service, accepted["batch_id"])
    await run_sql(
        service.settings.database_url,
        "UPDATE batches SET callback_finished_at = callback_finished_at - interval '1 hour'",
    )
    redelivered = await service.client.post(f"{accepted['status_url']}/redeliver")
    ended = await callback_ended(service, accepted["batch_id"])

    assert (cancelled.status_code, again.status_code, redelivered.status_code) == (200, 200, 202)
    assert (state["status"], state["callback_status"]) == ("COMPLETED", "CANCELLED")
    assert ended["callback_status"] == "SUCCESS"
    assert len(receiver.callbacks) > sent


async def test_what_has_ended_cannot_be_cancelled_and_is_deleted_with_its_entries(
    run_service: RunService, receiver: Receiver
) -> None:
    settings = {"simulated_ms_per_transaction": 700, "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        accepted = await submit_batch(service, *reports(2), callback_url=receiver.url, callbacks="batch")
        early = await service.client.delete(accepted["status_url"])
        await callback_ended(service, accepted["batch_id"])
        files = list(service.settings.reports_folder.rglob("*.csv"))
        late = await service.client.post(f"{accepted['status_url']}/cancel")
        deleted = await service.client.delete(accepted["status_url"])
        gone = await service.client.delete(accepted["status_url"])
        left = await fetch(
            service.settings.database_url,
            "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM batches),"
            " (SELECT count(*) FROM batch_callback_logs)",
        )
        files_left = list(service.settings.reports_folder.rglob("*.csv"))

    assert [early.status_code, late.status_code, deleted.status_code, gone.status_code] == [409, 409, 200, 404]
    assert late.json()["type"].endswith(":already-ended")
    assert deleted.json() == {"deleted": True, "id": accepted["batch_id"]}
    assert [tuple(row) for row in left] == [(0, 0, 0)]
    assert (len(files), files_left) == (2, [])


async def test_retention_takes_a_batch_and_its_entries_together_when_the_last_callback_has_ended(
    service: Service, receiver: Receiver
) -> None:
    url, parts = service.settings.database_url, service.parts
    accepted = await submit_batch(service, *reports(3), callback_url=receiver.url, callbacks="batch")
    await callback_ended(service, accepted["batch_id"])
    old = "created_at = created_at - interval '9 days', completed_at = completed_at - interval '9 days'"
    week_ago = parts.now() - timedelta(days=7)
    await run_sql(
        url,
        f"UPDATE requests SET {old} WHERE queue_position > 1",
        f"UPDATE batches SET {old}, callback_status = 'PENDING', callback_next_attempt_at = now() + interval '1 hour'",
    )
    kept = (await parts.store.delete_older_than(week_ago), (await parts.batches.changes.delete_older_than(week_ago)))
    await run_sql(url, "UPDATE batches SET callback_status = 'FAILED'")
    gone = await parts.batches.changes.delete_older_than(week_ago)

    assert (kept[0], kept[1].batches) == ([], [])
    assert ([str(one) for one in gone.batches], len(gone.entries)) == ([accepted["batch_id"]], 3)


async def test_deleting_everything_leaves_no_batch(service: Service) -> None:
    accepted = await submit_batch(service, *reports(3))
    await batch_completed(service, accepted["batch_id"])
    await service.client.delete("/api/requests")

    assert (await service.client.get("/api/batches")).json()["batches"] == []


async def test_changes_of_another_accounts_batch_are_404_and_change_nothing(
    service: Service, receiver: Receiver, database_url: str
) -> None:
    accepted = await submit_batch(service, *reports(2), callback_url=receiver.url, callbacks="batch")
    await callback_ended(service, accepted["batch_id"])
    given = "SET account = 'acme', caller = '@acme'"
    await run_sql(database_url, f"UPDATE batches {given}", f"UPDATE requests {given}")
    before = await fetch(database_url, "SELECT * FROM batches")
    uses: list[Callable[[View, UUID], Any]] = [
        lambda view, one: batch_controller.get_callback_logs(service.parts, view, one),
        lambda view, one: batch_controller.cancel(service.parts, view, one, notify=True),
        lambda view, one: batch_controller.redeliver(service.parts, view, one),
        lambda view, one: batch_controller.delete(service.parts, view, one),
    ]
    for use in uses:
        for view, batch_id in ((View(), UUID(accepted["batch_id"])), (View("ACME"), uuid4())):
            with pytest.raises(NotFound, match="There is no batch with this id"):
                await use(view, batch_id)

    assert await fetch(database_url, "SELECT * FROM batches") == before
    await batch_controller.delete(service.parts, View("acme"), UUID(accepted["batch_id"]))


async def test_watchers_hear_how_a_batch_goes_on(service: Service, receiver: Receiver) -> None:
    seen: list[str] = []
    with service.parts.events.watching(lambda spread_s: Event("hello", {"spread_s": spread_s})) as watcher:
        accepted = await submit_batch(service, *reports(3), callback_url=receiver.url, callbacks="batch")
        async with asyncio.timeout(20):
            while not any('"callback_status":"SUCCESS"' in text for text in seen if "batch.updated" in text):
                seen.append((await watcher.next()).text)

    assert any("batch.updated" in text and accepted["batch_id"] in text for text in seen)
