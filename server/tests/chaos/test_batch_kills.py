"""A batch is stored as a whole or not at all, and told of once under one id, whenever the process dies."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch
from tests.support.history import client_session
from tests.support.receivers import Callback, Receiver
from tests.support.waiting import eventually

LIVES_AT_MOST_S = 0.5
ENTRIES_MAX = 60
#: Where a batch is accepted, ends, and is told of.
POINTS = [
    "after_batch_commit",
    "before_202",
    "after_complete_commit",
    "mid_attempt",
    "after_answer_before_record",
    "after_record_commit",
]
HALF_BATCHES = """
SELECT b.id FROM batches b LEFT JOIN requests r ON r.batch_id = b.id GROUP BY b.id
HAVING count(r.id) <> b.size OR min(r.queue_position) <> b.first_position
    OR max(r.queue_position) <> b.first_position + b.size - 1
"""
STRAYS = "SELECT id FROM requests WHERE batch_id IS NOT NULL AND batch_id NOT IN (SELECT id FROM batches)"
OPEN = "SELECT count(*) FROM batches WHERE remaining > 0 OR callback_status = 'PENDING'"


@dataclass
class Submitter:
    """Submits batches, each under its key until it is answered."""

    session: aiohttp.ClientSession
    base_url: str
    receiver: Receiver
    dice: random.Random
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def run(self, name: str) -> None:
        for number in range(1_000_000):
            key = f"{name}-{number}"
            url = self.receiver.url
            callbacks = self.dice.choice(["batch", "both"])
            own = {"callback_url": url} if callbacks == "both" else {}
            count = self.dice.randint(1, ENTRIES_MAX)
            requests = [{"payload": {"num_transactions": 1 + n}, **own} for n in range(count)]
            body = {"name": key, "requests": requests, "callbacks": callbacks, "callback_url": url}
            while key not in self.answers:
                await self._try(key, body)

    async def _try(self, key: str, body: dict[str, Any]) -> None:
        try:
            headers = {"X-Idempotency-Key": key}
            async with self.session.post(f"{self.base_url}/api/batch", json=body, headers=headers) as answer:
                if answer.status in {200, 202}:
                    self.answers[key] = await answer.json()
                    assert len(self.answers[key]["requests"]) == len(body["requests"])
                else:
                    assert answer.status in {429, 503}, await answer.text()
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            await asyncio.sleep(0.02)


async def kill(server: CrashServer, kills: int, dice: random.Random) -> None:
    for number in range(kills):
        point = POINTS[number % len(POINTS)]
        if number % 2:
            server.spawn(point, dice.randint(1, 5))
            assert await server.ended() == -9, f"{point} was never reached"
            continue
        server.spawn()
        await server.ready()
        await asyncio.sleep(dice.random() * LIVES_AT_MOST_S)
        await server.kill()
    await server.start()


def told(receiver: Receiver) -> dict[str, set[str]]:
    """The ids under which each batch was told of."""
    ids: dict[str, set[str]] = {}
    for callback in batches_told(receiver):
        ids.setdefault(callback.body["batch_id"], set()).add(callback.headers["webhook-id"])
    return ids


def batches_told(receiver: Receiver) -> list[Callback]:
    return [callback for callback in receiver.callbacks if callback.body["type"] == "batch.completed"]


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.chaos_long)])
async def test_no_kill_leaves_half_a_batch_or_one_that_nobody_is_told_of(
    kills: int, server: StartServer, receivers: list[Receiver], database_url: str, seed: int, proof: Proof
) -> None:
    dice, receiver, killed = random.Random(seed), receivers[0], server()
    receiver.answer = lambda number, _callback: 500 if number % 9 == 4 else 200
    started_s = time.monotonic()
    async with client_session() as session:
        submitter = Submitter(session, killed.base_url, receiver, dice)
        submitting = [asyncio.create_task(submitter.run(name)) for name in "abc"]
        await kill(killed, kills, dice)
        await eventually(lambda: len(submitter.answers) > 3)
        for task in submitting:
            task.cancel()
        ends = await asyncio.gather(*submitting, return_exceptions=True)
    await eventually(lambda: all_ended(database_url), 120)
    assert await killed.stop() == 0

    rows = await fetch(database_url, "SELECT id::text, name FROM batches")
    by_name = {row["name"]: row["id"] for row in rows}
    ids = told(receiver)
    bodies = {(one.body["batch_id"], one.raw) for one in batches_told(receiver)}
    proof(f"{kills} kills, seed {seed}, {time.monotonic() - started_s:.0f} s: {len(rows)} batches, 0 of them half")
    assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends
    assert await fetch(database_url, HALF_BATCHES) == []
    assert await fetch(database_url, STRAYS) == []
    assert len(by_name) == len(rows)
    assert {name: answer["batch_id"] for name, answer in submitter.answers.items()}.items() <= by_name.items()
    assert ids == {batch_id: {f"msg_{batch_id.replace('-', '')}"} for batch_id in by_name.values()}
    assert len(bodies) == len(rows)


async def all_ended(url: str) -> bool:
    await asyncio.sleep(0.05)
    return bool((await fetch(url, OPEN))[0][0] == 0)
