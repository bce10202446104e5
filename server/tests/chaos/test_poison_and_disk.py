"""A report that kills the process, and a disk that refuses: what belongs to one request stays with it."""

import asyncio
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from src.services.requests.store import GENERATION_ATTEMPTS_MAX
from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch, is_settled, settled
from tests.support.history import Client, History, client_session
from tests.support.receivers import Receiver
from tests.support.verdict import check
from tests.support.waiting import eventually

#: A report of so many rows is made in 25 pieces, all others in one: they pass the failpoint less often.
POISON_ROWS = 100_000
POISON_DIES_AT = 20
RECOVERS_WITHIN_S = 8.0
FILE_BYTES_MAX = 65_536
BIG_REPORT_ROWS = 3_000


async def post(session: aiohttp.ClientSession, server: CrashServer, receiver: Receiver, rows: int) -> str:
    body = {"payload": {"num_transactions": rows}, "callback_url": receiver.url}
    async with session.post(f"{server.base_url}/api/async", json=body) as answer:
        assert answer.status == 202
        request_id: str = (await answer.json())["request_id"]
        return request_id


@pytest.mark.chaos_long
async def test_a_report_that_kills_the_process_three_times_fails_and_the_others_go_on(
    server: StartServer, receivers: list[Receiver], database_url: str, proof: Proof
) -> None:
    dying, receiver = server(), receivers[0]
    dying.spawn("mid_generate", POISON_DIES_AT)
    await dying.ready()
    async with client_session() as session:
        before = [await post(session, dying, receiver, 10) for _ in range(3)]
        poison = await post(session, dying, receiver, POISON_ROWS)
        after: list[str] = []
        while dying.runs and len(after) < 5:
            with_luck = asyncio.create_task(post(session, dying, receiver, 10))
            after += [task.result() for task in (await asyncio.wait([with_luck]))[0] if not task.exception()]
    deaths = 0

    async def died_or_done() -> bool:
        return not dying.runs or await is_settled(database_url)

    await eventually(died_or_done)
    while not dying.runs and deaths < 10:
        deaths += 1
        dying.spawn("mid_generate", POISON_DIES_AT)
        await eventually(died_or_done)
    await settled(database_url)
    assert await dying.stop() == 0
    query = "SELECT id::text, status, failure_reason, generation_attempts FROM requests ORDER BY queue_position"
    rows = {row["id"]: row for row in await fetch(database_url, query)}
    [told] = [callback.body for callback in receiver.callbacks if callback.body["request_id"] == poison]

    proof(
        f"a report that kills the process: {deaths} deaths, then {rows[poison]['status']} ({told['type']}:"
        f" {told['data']['reason']}); {len(rows) - 1} others completed"
    )
    assert deaths == GENERATION_ATTEMPTS_MAX
    assert rows[poison]["status"] == "FAILED"
    assert told["type"] == "report.failed"
    assert told["data"]["reason"] == rows[poison]["failure_reason"]
    assert str(GENERATION_ATTEMPTS_MAX) in rows[poison]["failure_reason"]
    assert set(before + after) <= set(rows)
    assert {row["status"] for request_id, row in rows.items() if request_id != poison} == {"COMPLETED"}
    assert list(dict.fromkeys(receiver.positions)) == list(range(1, len(rows) + 1))


# --- the disk -------------------------------------------------------------------------------------------------

Break = Callable[[CrashServer, Path], Callable[[], None]]


def take_the_folder_away(_server: CrashServer, reports: Path) -> Callable[[], None]:
    """Rename the folder; gives the way to undo it."""
    aside = reports.with_name("aside")
    reports.rename(aside)

    def undo() -> None:
        aside.rename(reports)

    return undo


def put_a_file_in_its_place(server: CrashServer, reports: Path) -> Callable[[], None]:
    """Rename the folder and put a file there."""
    give_back = take_the_folder_away(server, reports)
    reports.write_bytes(b"")

    def undo() -> None:
        reports.unlink()
        give_back()

    return undo


def let_no_file_grow(server: CrashServer, _reports: Path) -> Callable[[], None]:
    """Limit the size of the process's files: a write fails in the middle of a report, as on a full disk."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, resource.RLIM_INFINITY))

    def undo() -> None:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return undo


async def sync_status(session: aiohttp.ClientSession, server: CrashServer) -> tuple[int, str | None]:
    body = {"num_transactions": 1_000}
    async with session.post(f"{server.base_url}/api/sync", json=body) as answer:
        return answer.status, answer.headers.get("Retry-After")


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(take_the_folder_away, id="missing"),
        pytest.param(put_a_file_in_its_place, id="file", marks=pytest.mark.chaos_long),
        pytest.param(
            let_no_file_grow,
            id="full",
            marks=[
                pytest.mark.chaos_long,
                pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process"),
            ],
        ),
    ],
)
async def test_a_disk_that_refuses_is_waited_for(
    break_it: Break, server: StartServer, receivers: list[Receiver], database_url: str, tmp_path: Path, proof: Proof
) -> None:
    reports = tmp_path / "reports"
    running, history = server(), History()
    await running.start()
    async with client_session() as session:
        client = Client(session, history, servers=[running.base_url], receivers=receivers, dice=random.Random(1))
        stop = asyncio.Event()
        await client.post_one(stop)
        await settled(database_url)
        repair = break_it(running, reports)
        try:
            waiting = [await client.post_one(stop, transactions=BIG_REPORT_ROWS) for _ in range(5)]

            async def says_so() -> bool:
                return bool((await running.get("/api/health"))[1]["worker"]["trouble"])

            await eventually(says_so)
            health_status, health = await running.get("/api/health")
            sync, retry_after = await sync_status(session, running)
            visible = list(reports.glob("*.csv")) if reports.is_dir() else []
            ended = await fetch(database_url, "SELECT FROM requests WHERE completed_at IS NOT NULL AND mode = 'async'")
        finally:
            repair()
        repaired_s = time.monotonic()
        await settled(database_url)
        recovered_s = time.monotonic() - repaired_s
    assert await running.stop() == 0
    verdict = await check(history, database_url, receivers, reports)

    proof(
        f"a disk that refuses ({health['worker']['trouble']}): {len(waiting)} accepted and waiting, /sync answered"
        f" {sync}, {len(visible) - 1 if visible else 0} partial files visible, all done {recovered_s:.1f} s after the"
        f" repair without a restart; {verdict}"
    )
    assert verdict.told == []
    assert health_status == (503 if break_it is not let_no_file_grow else 200)
    assert sync == 503
    assert retry_after is not None
    assert len(ended) == 1
    assert len(visible) in {0, 1}
    assert recovered_s <= RECOVERS_WITHIN_S
    assert list(reports.glob("*.part")) == []
