"""An object store that is killed again and again under load, or frozen: nothing fails, and no byte is another."""

import asyncio
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import obstore
import pytest

from tests.chaos.conftest import Proof, StartServer
from tests.support.database_state import fetch, settled
from tests.support.history import Client, History, client_session, load
from tests.support.receivers import Receiver
from tests.support.s3 import S3Server, running_s3
from tests.support.verdict import check
from tests.support.waiting import eventually

LIVES_AT_MOST_S = 2.0
STAYS_AWAY_AT_MOST_S = 1.0
STOPS_WITHIN_S = 15.0
#: Between two submissions of a client, at most: together they ask for what one worker can store in S3 while it is
#: there, or working it off would take many times as long as the kills.
PAUSE_S = 0.4
#: What was accepted while the store was away is worked off one by one, each with a request to the store.
SETTLES_WITHIN_S = 300
FAILED = "SELECT count(*) FROM requests WHERE status = 'FAILED' AND mode = 'async'"


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[S3Server]:
    with running_s3(tmp_path / "s3") as server:
        yield server


async def kill_again_and_again(s3: S3Server, kills: int, dice: random.Random) -> None:
    for _ in range(kills):
        await asyncio.sleep(dice.random() * LIVES_AT_MOST_S)
        await asyncio.to_thread(s3.kill)
        await asyncio.sleep(dice.random() * STAYS_AWAY_AT_MOST_S)
        await asyncio.to_thread(s3.start)


def fetched(s3: S3Server, prefix: str, folder: Path) -> Path:
    """Read every object into a folder, for who compares files."""
    folder.mkdir()
    bucket = s3.client(prefix)
    for name in s3.stored(prefix):
        (folder / name).write_bytes(obstore.get(bucket, name).bytes().to_bytes())
    return folder


@pytest.mark.chaos_long
@pytest.mark.parametrize("kills", [2, 20])
async def test_a_store_that_is_killed_under_load_loses_nothing(
    kills: int,
    server: StartServer,
    receivers: list[Receiver],
    database_url: str,
    own_s3: S3Server,
    tmp_path: Path,
    seed: int,
    proof: Proof,
) -> None:
    dice, history, started_s = random.Random(seed), History(), time.monotonic()
    running = server(**own_s3.environment("kills"))
    await running.start()
    async with client_session() as session:
        clients = [
            Client(session, history, servers=[running.base_url], receivers=receivers, dice=dice) for _ in range(2)
        ]
        await load(clients, lambda: kill_again_and_again(own_s3, kills, dice), PAUSE_S)
    await settled(database_url, SETTLES_WITHIN_S)
    failed = (await fetch(database_url, FAILED))[0][0]
    assert await running.stop() == 0
    verdict = await check(history, database_url, receivers, fetched(own_s3, "kills", tmp_path / "fetched"))

    took_s = time.monotonic() - started_s
    proof(f"S3 killed {kills} times under load, seed {seed}, {took_s:.0f} s: {failed} failed; {verdict}")
    assert verdict.told == []
    assert failed == 0
    assert verdict.acknowledged > 10 * kills


async def test_a_stop_does_not_wait_for_a_store_that_is_frozen(
    server: StartServer, receivers: list[Receiver], database_url: str, own_s3: S3Server, proof: Proof
) -> None:
    running = server(**own_s3.environment("frozen"))
    await running.start()
    own_s3.send(signal.SIGSTOP)
    body = {"payload": {"num_transactions": 300_000}, "callback_url": receivers[0].url}
    async with aiohttp.ClientSession(f"{running.base_url}/") as session:
        async with session.post("api/async", json=body) as answer:
            assert answer.status == 202
        sync = asyncio.create_task(session.post("api/sync", json={}))

        async def is_begun() -> bool:
            begun = "SELECT count(*) FROM requests WHERE status = 'PROCESSING'"
            return bool((await fetch(database_url, begun))[0][0] == 2)

        await eventually(is_begun)
        started_s = time.monotonic()
        status = await running.stop()
        took_s = time.monotonic() - started_s
        sync.cancel()
        await asyncio.gather(sync, return_exceptions=True)
    own_s3.send(signal.SIGCONT)
    await running.start()
    await settled(database_url, SETTLES_WITHIN_S)
    failed = (await fetch(database_url, FAILED))[0][0]
    assert await running.stop() == 0

    proof(f"a stop while S3 is frozen in the middle of two reports took {took_s:.1f} s")
    assert status == 0
    assert took_s < STOPS_WITHIN_S
    assert failed == 0
