"""SIGTERM in the middle of everything: out in time, with status 0, and nothing lost."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch, is_generating, settled
from tests.support.history import Client, History, client_session
from tests.support.receivers import Receiver, serving
from tests.support.verdict import check
from tests.support.waiting import eventually

WAITING = 200
HANGING = 5
WATCHING = 10
EXITS_WITHIN_S = 15.0
#: Ten seconds for the report that is being generated when the signal comes, next to nothing for the others.
WORK = {"SIMULATED_MS_PER_TRANSACTION": "10", "SIMULATED_MAX_SECONDS": "10"}
LONG_REPORT_ROWS = 1_000


@pytest.fixture
async def hanging_receivers() -> AsyncIterator[list[Receiver]]:
    """Serve receivers that never answer."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(serving(Receiver(answer=lambda _number, _callback: None)))
            for _ in range(HANGING)
        ]


async def close_code_of(server: CrashServer, opened: asyncio.Semaphore) -> int | None:
    """Watch until the server closes the connection; returns the code it gives."""
    async with connect(f"ws://127.0.0.1:{server.port}/api/ws") as socket:
        opened.release()
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def readiness_until_the_end(server: CrashServer) -> list[int]:
    """Ask again and again; the statuses, 0 for none, each noted when it changes."""
    seen: list[int] = []
    while server.runs:
        status, _ = await server.get("/api/health/ready", within_s=0.5)
        seen += [status] if seen[-1:] != [status] else []
        await asyncio.sleep(0.02)
    return seen


async def make_everything_busy(server: CrashServer, hanging: Sequence[Client], client: Client, url: str) -> None:
    """Five callbacks under way, one report being generated, two hundred waiting behind it."""
    stop = asyncio.Event()
    for each in hanging:
        await each.post_one(stop, transactions=1)
    await client.post_one(stop, transactions=LONG_REPORT_ROWS)

    await eventually(lambda: is_generating(url))
    await asyncio.gather(*(client.post_one(stop, transactions=1) for _ in range(WAITING)))
    _, health = await server.get("/api/health")
    assert health["callbacks"]["in_flight"] == HANGING
    assert health["queue"]["waiting"] == WAITING


@pytest.mark.chaos_long
async def test_sigterm_in_the_middle_of_everything(
    server: StartServer,
    receivers: list[Receiver],
    hanging_receivers: list[Receiver],
    database_url: str,
    tmp_path: Path,
    proof: Proof,
) -> None:
    everyone = receivers + hanging_receivers
    origins = ",".join(receiver.origin for receiver in everyone)
    stopped = server(CALLBACK_ALLOWED_ORIGINS=origins, **WORK)
    await stopped.start()
    history, opened = History(), asyncio.Semaphore(0)
    async with client_session() as session:

        def client_of(*called: Receiver) -> Client:
            dice = random.Random(1)
            return Client(session, history, servers=[stopped.base_url], receivers=called, dice=dice)

        hanging = [client_of(receiver) for receiver in hanging_receivers]
        await make_everything_busy(stopped, hanging, client_of(*receivers), database_url)
        watching = [asyncio.create_task(close_code_of(stopped, opened)) for _ in range(WATCHING)]
        for _ in range(WATCHING):
            await opened.acquire()
        asking = asyncio.create_task(readiness_until_the_end(stopped))
        stopped.signal(signal.SIGTERM)
        started_s = time.monotonic()
        status = await stopped.ended()
        took_s = time.monotonic() - started_s
        codes = set(await asyncio.gather(*watching))
        ready = await asking

    left = await fetch(database_url, "SELECT status, count(*) FROM requests GROUP BY status ORDER BY status")
    for receiver in hanging_receivers:
        receiver.answer = lambda _number, _callback: 200
    await stopped.start(SIMULATED_MS_PER_TRANSACTION="0")
    await settled(database_url)
    assert await stopped.stop() == 0
    verdict = await check(history, database_url, everyone, tmp_path / "reports")

    proof(
        f"SIGTERM with {WAITING} waiting, 1 being generated, {HANGING} hanging callbacks and {WATCHING} WebSockets:"
        f" exit status {status} after {took_s:.1f} s, WebSockets closed with {codes}, readiness"
        f" {ready} (0: no connection); {verdict}"
    )
    assert status == 0
    assert took_s <= EXITS_WITHIN_S
    assert codes == {1012}
    assert ready in ([0], [503, 0], [200, 0], [200, 503, 0])
    assert [tuple(row) for row in left] == [("COMPLETED", HANGING), ("PENDING", WAITING + 1)]
    assert verdict.told == []
    assert verdict.acknowledged == HANGING + 1 + WAITING
