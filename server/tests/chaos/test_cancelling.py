"""A cancel is decided by its row: whoever dies in the middle of it, and whoever else is at it, it holds or it does not.

The same for a bulk redelivery: each callback that it counted is sent again, and it ends, whenever processes die.
"""

import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from src.failpoints import Failpoint
from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch, settled
from tests.support.history import TRIED_AGAIN_AFTER_S, client_session
from tests.support.receivers import Callback, Receiver

#: An attempt that had begun when a cancel was answered has arrived by then.
UNDER_WAY_S = 0.5
#: Reports of a hundred rows take 10 s.
SLOW = {"SIMULATED_MS_PER_TRANSACTION": "100"}
CALLBACKS = "SELECT id::text, status, callback_status, completed_at FROM requests WHERE mode = 'async'"


async def submit(session: aiohttp.ClientSession, server: CrashServer, receiver: Receiver, rows: int = 1) -> str:
    """Submit one again and again until it is accepted; returns its id."""
    body = {"payload": {"num_transactions": rows}, "callback_url": receiver.url}
    headers = {"X-Idempotency-Key": str(uuid4())}
    while True:
        with suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            async with session.post(f"{server.base_url}/api/async", json=body, headers=headers) as answer:
                request_id: str = (await answer.json())["request_id"]
                return request_id
        await asyncio.sleep(TRIED_AGAIN_AFTER_S)


async def cancel(session: aiohttp.ClientSession, server: CrashServer, request_id: str, *, notify: bool) -> int:
    """Cancel one again and again until there is an answer; returns its status."""
    while True:
        with suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
            url = f"{server.base_url}/api/requests/{request_id}/cancel"
            async with session.post(url, json={"notify": notify}) as answer:
                if answer.status < 500:
                    return answer.status
        await asyncio.sleep(TRIED_AGAIN_AFTER_S)


async def die_and_start_again(server: CrashServer) -> None:
    """Wait until a server has died, and start it again."""
    assert await server.ended() == -9
    await server.start()


@pytest.mark.parametrize(
    "point",
    [
        "after_cancel_commit",
        pytest.param("after_start_commit", marks=pytest.mark.chaos_long),
        pytest.param("after_file", marks=pytest.mark.chaos_long),
        pytest.param("after_complete_commit", marks=pytest.mark.chaos_long),
        pytest.param("after_record_commit", marks=pytest.mark.chaos_long),
    ],
)
async def test_a_process_that_dies_around_a_cancel_leaves_it_done_or_not_begun(
    point: Failpoint, server: StartServer, receivers: list[Receiver], database_url: str, proof: Proof
) -> None:
    receiver, dying = receivers[0], server(**SLOW)
    dying.spawn(point)
    await dying.ready()
    async with client_session() as session:
        dies = asyncio.create_task(die_and_start_again(dying))
        running, waiting = [await submit(session, dying, receiver, rows) for rows in (100, 100)]
        statuses = await asyncio.gather(
            cancel(session, dying, running, notify=False), cancel(session, dying, waiting, notify=True)
        )
        last = await submit(session, dying, receiver)
        await dies
        await settled(database_url)
    assert await dying.stop() == 0

    types = [(callback.body["request_id"], callback.body["type"]) for callback in receiver.callbacks]
    rows = {row["id"]: (row["status"], row["callback_status"]) for row in await fetch(database_url, CALLBACKS)}
    proof(f"failpoint {point}: died there, cancelled after the restart, and nothing else was sent")
    assert set(statuses) == {200}
    assert list(dict.fromkeys(types)) == [(waiting, "report.cancelled"), (last, "report.completed")]
    assert rows == {
        running: ("CANCELLED", "CANCELLED"),
        waiting: ("CANCELLED", "SUCCESS"),
        last: ("COMPLETED", "SUCCESS"),
    }


class Cancelling:
    """Submits requests and cancels them at any moment; remembers what it was answered, and when."""

    def __init__(self, server: CrashServer, receiver: Receiver, dice: random.Random) -> None:
        self._server = server
        self._receiver = receiver
        self._dice = dice
        self.statuses: Counter[int] = Counter()
        #: By id: when the 200 came, and whether the receiver was to be notified.
        self.cancelled: dict[str, tuple[float, bool]] = {}

    async def go_on(self, session: aiohttp.ClientSession) -> None:
        """Do so until cancelled."""
        while True:
            request_id = await submit(session, self._server, self._receiver, self._dice.randint(1, 300))
            await asyncio.sleep(self._dice.random() * 0.1)
            notify = self._dice.random() < 0.5
            status = await cancel(session, self._server, request_id, notify=notify)
            self.statuses[status] += 1
            if status == 200:
                self.cancelled[request_id] = (time.monotonic(), notify)


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.chaos_long)])
async def test_no_report_is_delivered_after_its_cancel_was_answered_whenever_the_process_dies(
    kills: int, server: StartServer, receivers: list[Receiver], database_url: str, seed: int, proof: Proof
) -> None:
    dice, receiver, dying = random.Random(seed), receivers[0], server(SIMULATED_MS_PER_TRANSACTION="0.2")
    receiver.answer = lambda number, _: 500 if number % 3 == 1 else 200
    await dying.start()
    clients = [Cancelling(dying, receiver, dice) for _ in range(8)]
    async with client_session() as session:
        working = [asyncio.create_task(client.go_on(session)) for client in clients]
        for _ in range(kills):
            await asyncio.sleep(0.3 + dice.random() * 0.5)
            await dying.kill()
            await dying.start()
        await asyncio.sleep(0.5)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
    await settled(database_url)
    assert await dying.stop() == 0

    cancelled = {one: answer for client in clients for one, answer in client.cancelled.items()}
    rows = {row["id"]: row for row in await fetch(database_url, CALLBACKS)}
    late = [
        callback
        for callback in receiver.callbacks
        if callback.body["type"] == "report.completed" and _is_late(callback, cancelled)
    ]
    told = {callback.body["request_id"] for callback in receiver.callbacks if _tells_of_a_cancel(callback)}
    whole = {one for one, row in rows.items() if row["status"] == "CANCELLED"}
    proof(
        f"{kills} kills, seed {seed}: {len(cancelled)} cancelled, {len(whole)} of them before their report had ended;"
        f" {len(late)} delivered after the answer, {len(told)} notified"
    )
    assert late == []
    assert len(cancelled) > 4 * kills
    assert {rows[one]["status"] for one in cancelled} <= {"CANCELLED", "COMPLETED"}
    assert all("CANCELLED" in (rows[one]["status"], rows[one]["callback_status"]) for one in cancelled)
    assert all(rows[one]["completed_at"] is not None for one in rows)
    assert {one for one in whole if rows[one]["callback_status"] != "CANCELLED"} == told
    assert sum(client.statuses[409] for client in clients) + len(cancelled) == sum(
        client.statuses.total() for client in clients
    )


def _is_late(callback: Callback, cancelled: dict[str, tuple[float, bool]]) -> bool:
    answered = cancelled.get(callback.body["request_id"])
    return answered is not None and callback.arrived_s > answered[0] + UNDER_WAY_S


def _tells_of_a_cancel(callback: Callback) -> bool:
    return bool(callback.body["type"] == "report.cancelled")


async def begin_redelivery(session: aiohttp.ClientSession, server: CrashServer, count: int) -> str:
    """Send again whatever was delivered; returns the redelivery's id."""
    body: dict[str, Any] = {"filter": {"callback_status": "SUCCESS"}, "dry_run": False, "expected_count": count}
    async with session.post(f"{server.base_url}/api/redeliveries", json=body) as answer:
        assert answer.status == 202
        redelivery_id: str = (await answer.json())["id"]
        return redelivery_id


@pytest.mark.parametrize(("kills", "count"), [(1, 20), pytest.param(20, 400, marks=pytest.mark.chaos_long)])
async def test_a_redelivery_sends_each_callback_that_it_counted_in_order_whenever_the_process_dies(
    kills: int, count: int, server: StartServer, receivers: list[Receiver], database_url: str, seed: int, proof: Proof
) -> None:
    dice, receiver, dying = random.Random(seed), receivers[0], server(REDELIVERY_RATE="20/second")
    await dying.start()
    async with client_session() as session:
        ids = await asyncio.gather(*(submit(session, dying, receiver) for _ in range(count)))
        await settled(database_url)
        first = len(receiver.callbacks)
        redelivery_id = await begin_redelivery(session, dying, count)
        for _ in range(kills):
            await asyncio.sleep(dice.random() * 0.5)
            await dying.kill()
            await dying.start()
        progress: dict[str, Any] = {}
        while progress.get("succeeded", 0) < count:
            await asyncio.sleep(0.1)
            progress = (await dying.get(f"/api/redeliveries/{redelivery_id}"))[1] or {}
    assert await dying.stop() == 0

    again = list(dict.fromkeys(callback.position for callback in receiver.callbacks[first:]))
    sent = Counter(callback.body["request_id"] for callback in receiver.callbacks[first:])
    proof(f"{kills} kills, seed {seed}: {len(sent)} of {count} redelivered, {sent.total() - count} of them repeated")
    assert (progress["status"], progress["queued"], progress["failed"]) == ("COMPLETED", count, 0)
    assert set(sent) == set(ids)
    assert again == sorted(again)
    assert sent.total() <= count + 2 * kills
