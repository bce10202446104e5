"""Nothing acknowledged is lost, whenever the process dies: kills at random moments under load."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import settled
from tests.support.history import Client, History, client_session, load
from tests.support.receivers import Callback, Receiver
from tests.support.verdict import check

#: From the moment a server is ready, or in some cases from its very start.
LIVES_AT_MOST_S = 0.7
LIVES_LONG_S = 2.5
LIVES_LONG = 0.1
KILLED_WHILE_STARTING = 0.2
STARTS_IN_ABOUT_S = 0.6


def sometimes_fails(number: int, _callback: Callback) -> int:
    return 500 if number % 9 == 4 else 200


async def kill_again_and_again(server: CrashServer, kills: int, dice: random.Random) -> None:
    for _ in range(kills):
        server.spawn()
        if dice.random() < KILLED_WHILE_STARTING:
            await asyncio.sleep(dice.random() * STARTS_IN_ABOUT_S)
        else:
            await server.ready()
            await asyncio.sleep(LIVES_LONG_S if dice.random() < LIVES_LONG else dice.random() * LIVES_AT_MOST_S)
        await server.kill()
    await server.start()


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.chaos_long)])
async def test_kills_at_random_moments_lose_nothing(
    kills: int,
    server: StartServer,
    receivers: list[Receiver],
    database_url: str,
    tmp_path: Path,
    seed: int,
    proof: Proof,
) -> None:
    dice = random.Random(seed)
    for receiver in receivers:
        receiver.answer = sometimes_fails
    killed = server()
    history = History()
    started_s = time.monotonic()
    async with client_session() as session:
        clients = [
            Client(session, history, servers=[killed.base_url], receivers=receivers, dice=dice) for _ in range(4)
        ]
        await load(clients, lambda: kill_again_and_again(killed, kills, dice))
    await settled(database_url)
    assert await killed.stop() == 0
    verdict = await check(history, database_url, receivers, tmp_path / "reports")

    proof(f"{kills} kills at random moments, seed {seed}, {time.monotonic() - started_s:.0f} s: {verdict}")
    assert verdict.told == []
    assert verdict.acknowledged > 2 * kills  # many of the kills may hit a start
