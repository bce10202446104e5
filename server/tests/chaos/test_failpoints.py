"""Every named place in the code where a process may die: it dies there, starts again, and nothing is missing."""

import asyncio
import random
import time
from functools import partial
from pathlib import Path
from typing import get_args

import aiohttp
import pytest

from src.failpoints import Failpoint
from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch, settled
from tests.support.databases import run_sql
from tests.support.history import Client, History, client_session, load
from tests.support.receivers import Receiver
from tests.support.s3 import S3Server
from tests.support.verdict import check
from tests.support.waiting import eventually

#: Reached once in a process's life; something has to be left for them by one that died before.
WHILE_RECOVERING = {"after_election", "mid_recovery"}
SYNC = {"after_sync_accept", "after_sync_file"}
#: See `test_batch_kills`.
SUBMITTING_BATCHES = {"after_batch_commit"}
DELETING = {"after_delete_commit", "after_file_delete"}
CANCELLING = {"after_cancel_commit"}
#: Those that every test run passes; the others are long.
SHORT = {"after_accept_commit", "mid_generate", "after_answer_before_record", "mid_recovery"}
POSTED_AFTERWARDS = 10


async def die_and_go_on(server: CrashServer, point: str, history: History, url: str) -> None:
    if point in WHILE_RECOVERING:
        server.spawn("mid_generate", 3)
        assert await server.ended() == -9
        left = await fetch(url, "SELECT count(*) FROM requests WHERE status = 'PROCESSING'")
        assert left[0][0] > 0
    server.spawn(point, 1 if point in WHILE_RECOVERING else 3)
    assert await server.ended() == -9, f"{point} was never reached"
    # The end of an abandoned sync request comes after 90 seconds; this is as if they were over.
    await run_sql(url, "UPDATE requests SET created_at = created_at - interval '2 minutes' WHERE mode = 'sync'")
    await server.start()
    enough = len(history.operations) + POSTED_AFTERWARDS
    await eventually(lambda: len(history.operations) > enough)


async def ask_for_sync_reports(session: aiohttp.ClientSession, base_url: str, answers: list[str]) -> None:
    """Submit one after the other, each until it is answered."""
    for number in range(1_000_000):
        status = 0
        while status != 200:
            try:
                headers = {"X-Idempotency-Key": f"sync-{number}"}
                async with session.post(f"{base_url}/api/sync", json={}, headers=headers) as answer:
                    status, body = answer.status, await answer.json()
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0.02)
        answers.append(body["request_id"])


async def check_sync_reports(url: str, answers: list[str], reports: Path) -> None:
    rows = await fetch(url, "SELECT id::text, status FROM requests WHERE mode = 'sync'")
    completed = [row["id"] for row in rows if row["status"] == "COMPLETED"]
    under_way_at_the_end = 1

    assert len(answers) > 3
    assert set(answers) <= set(completed)
    assert len(completed) - len(answers) <= under_way_at_the_end
    assert all((reports / f"{request_id}.csv").exists() for request_id in completed)
    assert [row["status"] for row in rows].count("FAILED") == 1


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(name, marks=() if name in SHORT else pytest.mark.chaos_long)
        for name in get_args(Failpoint)
        if name not in DELETING | CANCELLING | SUBMITTING_BATCHES
    ],
)
async def test_a_process_that_dies_here_loses_nothing(
    point: str, server: StartServer, receivers: list[Receiver], database_url: str, tmp_path: Path, proof: Proof
) -> None:
    dying = server()
    history = History()
    dice = random.Random(point)
    answers: list[str] = []
    async with client_session() as session:
        clients = [Client(session, history, servers=[dying.base_url], receivers=receivers, dice=dice) for _ in range(4)]
        asking = asyncio.create_task(ask_for_sync_reports(session, dying.base_url, answers)) if point in SYNC else None
        await load(clients, lambda: die_and_go_on(dying, point, history, database_url))
        if asking:
            await eventually(lambda: len(answers) > 5)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    await settled(database_url)
    assert await dying.stop() == 0
    verdict = await check(history, database_url, receivers, tmp_path / "reports")

    proof(f"failpoint {point}: died there and recovered; {verdict}")
    assert verdict.told == []
    if point in SYNC:
        await check_sync_reports(database_url, answers, tmp_path / "reports")


@pytest.mark.parametrize("point", sorted(DELETING))
@pytest.mark.parametrize("store", ["folder", "s3"])
async def test_a_process_that_dies_while_it_deletes_leaves_no_report(
    point: str, store: str, server: StartServer, request: pytest.FixtureRequest, tmp_path: Path, proof: Proof
) -> None:
    settings, stored = {}, partial(stored_in_folder, tmp_path / "reports")
    if store == "s3":
        s3: S3Server = request.getfixturevalue("s3")
        settings, stored = s3.environment(point), partial(s3.stored, point)
    dying = server(**settings)
    dying.spawn(point, 1)
    await dying.ready()
    async with aiohttp.ClientSession(f"{dying.base_url}/") as session:
        async with session.post("api/sync", json={}) as answer:
            request_id = (await answer.json())["request_id"]
        before = stored()
        with pytest.raises(aiohttp.ClientError):
            await session.delete(f"api/requests/{request_id}")
    assert await dying.ended() == -9
    started_s = time.monotonic()
    await dying.start()
    await eventually(lambda: stored() == [], 60)
    took_s = time.monotonic() - started_s
    assert await dying.stop() == 0

    proof(f"failpoint {point}, reports in {store}: the deleted report was gone {took_s:.1f} s after the restart began")
    assert before == [f"{request_id}.csv"]


def stored_in_folder(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("*.csv")]
