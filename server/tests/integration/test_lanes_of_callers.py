"""Callers do not wait for each other at a receiver; each has lanes and pauses of its own."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
A, B = ({"X-Forwarded-For": address} for address in ("198.51.100.1", "198.51.100.2"))
NEVER: dict[str, Any] = {
    "callback_retry_delays": (),
    "callback_probe_seconds": 300,
    "trusted_proxies": "127.0.0.1",
}


async def lanes(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await service.client.get("/api/queue")).json()["lanes"]
    return found


async def is_paused(service: Service) -> bool:
    return any(lane["state"] == "paused" for lane in await lanes(service))


async def ask(service: Service, receiver: Receiver, what: str, caller: dict[str, str]) -> int:
    url = f"/api/receivers/{quote(receiver.origin, safe='')}/{what}"
    return (await service.client.post(url, headers=caller)).status_code


async def test_a_caller_whose_url_fails_neither_delays_nor_pauses_another_at_the_same_receiver(
    run_service: RunService, receiver: Receiver
) -> None:
    receiver.answer = lambda _number, callback: 500 if callback.position <= 7 else 200
    async with run_service(callback_allowed_origins=(receiver.origin,), **NEVER) as service:
        failing = [(await service.submit(receiver.url, A, num_transactions=1))["request_id"] for _ in range(7)]
        await eventually(lambda: is_paused(service))
        good = [(await service.submit(receiver.url, B, num_transactions=1))["request_id"] for _ in range(2)]
        for request_id in good:
            assert (await service.callback_ended(request_id, within_s=5))["callback_status"] == "SUCCESS"
        proof = (await service.client.get("/api/queue/fifo-proof")).json()
        detail = await service.detail(failing[-1])

    names = {entry["request_id"]: entry["lane"] for entry in proof["entries"]}
    assert receiver.positions == [1, 2, 3, 4, 5, 8, 9]
    assert detail["callback_status"] == "PENDING"
    assert "5 callbacks in a row" in detail["reason"]
    assert proof["delivery_inversions"] == 0
    assert len({names[request_id] for request_id in failing}) == len({names[request_id] for request_id in good}) == 1
    assert names[failing[0]] != names[good[0]]
    assert not any("198.51" in name for name in names.values())


async def test_a_pause_is_ended_and_probed_by_who_it_belongs_to(run_service: RunService, receiver: Receiver) -> None:
    receiver.answer = lambda number, _callback: 500 if number < 6 else 200
    async with run_service(callback_allowed_origins=(receiver.origin,), **NEVER) as service:
        ids = [(await service.submit(receiver.url, A, num_transactions=1))["request_id"] for _ in range(8)]
        await eventually(lambda: is_paused(service))
        [paused] = await lanes(service)
        others = [await ask(service, receiver, what, B) for what in ("resume", "probe")]
        mine = await ask(service, receiver, "probe", A)
        await receiver.got(6)

        async def has_probed() -> bool:
            return "Probes so far: 1." in ((await lanes(service))[0]["reason"] or "")

        await eventually(has_probed)
        [still_paused] = await lanes(service)
        again = await ask(service, receiver, "probe", A)
        await service.callback_ended(ids[-1])
        when_it_is_over = [await ask(service, receiver, what, A) for what in ("resume", "probe")]

    assert (others, mine, again, when_it_is_over) == ([404, 404], 202, 202, [404, 404])
    assert (paused["owed"], still_paused["owed"]) == (3, 3)
    assert paused["lane"] == still_paused["lane"]
    assert receiver.positions == [1, 2, 3, 4, 5, 6, 6, 7, 8]


async def test_a_receiver_that_nobody_can_connect_to_is_paused_for_everybody_and_anybody_may_end_it(
    run_service: RunService, receiver: Receiver
) -> None:
    nobody = "http://127.0.0.1:1"
    async with run_service(callback_allowed_origins=(nobody,), **NEVER) as service:
        for _ in range(6):
            await service.submit(f"{nobody}/x", A, num_transactions=1)
        await eventually(lambda: is_paused(service))
        request_id = (await service.submit(f"{nobody}/x", B, num_transactions=1))["request_id"]

        async def is_held() -> bool:
            return "no connection" in ((await service.detail(request_id))["reason"] or "")

        await eventually(is_held)
        logs = await service.logs(request_id)
        url = f"/api/receivers/{quote(nobody, safe='')}/resume"
        answer = await service.client.post(url, headers=B)
        await eventually(lambda: has_logs(service, request_id))

    assert logs == []
    assert answer.status_code == 202


async def has_logs(service: Service, request_id: str) -> bool:
    return bool(await service.logs(request_id))


async def test_beyond_its_receivers_a_caller_is_refused_also_after_a_restart_and_others_are_not(
    run_service: RunService, receivers: list[Receiver]
) -> None:
    origins = tuple(receiver.origin for receiver in receivers)
    settings = {"max_receivers_per_caller": 2, "callback_allowed_origins": origins, **NEVER}

    async def submit(service: Service, number: int, caller: dict[str, str]) -> httpx.Response:
        body = {"payload": {"num_transactions": 1}, "callback_url": receivers[number].url}
        return await service.client.post("/api/async", json=body, headers=caller)

    for receiver in receivers:
        receiver.answer = lambda _number, _callback: None  # it hangs: everything stays owed
    async with run_service(**settings) as service:
        answers = [await submit(service, number, A) for number in (0, 1, 2, 0)]
        other = await submit(service, 2, B)
        stored = await service.count()
    async with run_service(**settings) as service:
        restarted = [await submit(service, number, A) for number in (2, 1)]
        for receiver in receivers:
            receiver.answer = lambda _number, _callback: 200

        async def is_accepted() -> bool:
            return (await submit(service, 3, A)).status_code == 202

        await eventually(is_accepted)

    assert [answer.status_code for answer in answers] == [202, 202, 429, 202]
    assert answers[2].json()["type"].rpartition(":")[2] == "too-many-receivers"
    assert int(answers[2].headers["retry-after"]) > 0
    assert (other.status_code, stored) == (202, 4)
    assert [answer.status_code for answer in restarted] == [429, 202]


REFUSE_RECORDS = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON callback_logs FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.mark.parametrize("code", ["25006", "53100", "XX000"], ids=["read only", "disk full", "internal error"])
async def test_a_record_that_the_database_refuses_is_written_later_and_nothing_is_sent_twice(
    run_service: RunService, receiver: Receiver, database_url: str, code: str
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,)) as service:
        await run_sql(database_url, REFUSE_RECORDS.format(code=code))
        ids = [(await service.submit(receiver.url, num_transactions=1))["request_id"] for _ in range(5)]

        async def is_in_trouble() -> bool:
            return any(lane["trouble"] for lane in await lanes(service))

        await eventually(is_in_trouble)
        health = await service.client.get("/api/health")
        await run_sql(database_url, "DROP TRIGGER refuse ON callback_logs")
        for request_id in ids:
            assert (await service.callback_ended(request_id))["callback_status"] == "SUCCESS"

        async def is_healthy() -> bool:
            return (await service.client.get("/api/health")).status_code == 200

        await eventually(is_healthy)

    assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
    assert health.json()["callbacks"]["lanes_in_trouble"] == 1
    assert health.json()["callbacks"]["trouble"]
    assert receiver.positions == [1, 2, 3, 4, 5]


async def test_the_end_of_a_delivery_is_stored_to_the_microsecond(service: Service, receiver: Receiver) -> None:
    ids = [(await service.submit(receiver.url, num_transactions=1))["request_id"] for _ in range(20)]
    details = [await service.callback_ended(request_id) for request_id in ids]
    ends = [detail["callback_finished_at"] for detail in details]
    logs = [(await service.logs(request_id))[0] for request_id in ids]

    assert ends == sorted(set(ends))
    assert all(end > log["attempted_at"] for end, log in zip(ends, logs, strict=True))
    assert all(end <= log["attempted_at"] for end, log in zip(ends, logs[1:], strict=False))
