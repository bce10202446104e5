"""Two processes on one database: positions stay in order, and one of them works at any time."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from src.database import connect
from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import is_generating, settled, take_the_lock_away
from tests.support.history import Client, History, client_session, load
from tests.support.receivers import Receiver
from tests.support.status_audit import Change, changes, install_audit
from tests.support.verdict import check
from tests.support.waiting import eventually

WRITERS = 16
TAKEOVER_WITHIN_S = 10.0
#: Reports of 1 to 300 rows take so long, and clients pause so long, that the leader is busy at any time.
SLOW = {"SIMULATED_MS_PER_TRANSACTION": "0.4"}
PAUSE_S = 0.15


async def roll_back_again_and_again(url: str, dice: random.Random) -> None:
    """Take a few positions, as an accept does, and give them back."""
    connection = await connect(url)
    try:
        while True:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("UPDATE queue_counter SET last_position = last_position + 3")
            await asyncio.sleep(dice.random() * 0.005)
            await transaction.rollback()
            await asyncio.sleep(dice.random() * 0.02)
    finally:
        connection.terminate()


class PollingReader:
    """Looks at the table again and again, and notes which positions appear behind a higher one."""

    def __init__(self) -> None:
        self.looks = 0
        self.seen: set[int] = set()
        self.late: list[int] = []

    async def look_again_and_again(self, url: str) -> None:
        """Look until cancelled."""
        connection = await connect(url)
        try:
            while True:
                records = await connection.fetch("SELECT queue_position FROM requests WHERE mode = 'async'")
                positions = {record["queue_position"] for record in records}
                highest = max(self.seen, default=0)
                self.late += [position for position in positions - self.seen if position < highest]
                # A gap is a position that may still appear behind a higher one.
                self.late += sorted(set(range(1, max(positions, default=0) + 1)) - positions)
                self.seen |= positions
                self.looks += 1
                await asyncio.sleep(0.002)
        finally:
            connection.terminate()


@asynccontextmanager
async def meanwhile(*work: asyncio.Task[None]) -> AsyncIterator[None]:
    """Stop tasks at the end of the block."""
    try:
        yield
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def started_together(servers: Sequence[CrashServer]) -> tuple[CrashServer, CrashServer]:
    """Start two; returns the one that works and the one that stands by."""
    for each in servers:
        each.spawn()
    for each in servers:
        await each.ready()

    async def one_leads() -> bool:
        return [await each.leads() for each in servers].count(True) == 1

    await eventually(one_leads)
    first, second = servers
    return (first, second) if await first.leads() else (second, first)


async def test_positions_are_visible_in_order_over_two_servers_and_rolled_back_accepts(
    server: StartServer,
    receivers: list[Receiver],
    database_url: str,
    tmp_path: Path,
    seed: int,
    proof: Proof,
) -> None:
    requests, dice = 500, random.Random(seed)
    servers = await started_together([server(), server()])
    urls = [each.base_url for each in servers]
    history, reader = History(), PollingReader()
    rolling_back = asyncio.create_task(roll_back_again_and_again(database_url, dice))
    looking = asyncio.create_task(reader.look_again_and_again(database_url))
    async with meanwhile(rolling_back, looking), client_session() as session:
        clients = [Client(session, history, servers=urls, receivers=receivers, dice=dice) for _ in range(WRITERS)]
        shares = [requests // WRITERS + (number < requests % WRITERS) for number in range(WRITERS)]
        await asyncio.gather(*(client.post(share) for client, share in zip(clients, shares, strict=True)))
        await eventually(lambda: len(reader.seen) >= requests)
        assert not rolling_back.done()
    await settled(database_url)
    statuses = [await each.stop() for each in servers]
    verdict = await check(history, database_url, receivers, tmp_path / "reports")

    proof(
        f"{WRITERS} writers over two servers with rolled-back accepts in between, seed {seed}: positions 1 to"
        f" {max(reader.seen)} without a gap, {len(reader.late)} out of order in {reader.looks} looks; {verdict}"
    )
    assert verdict.told == []
    assert reader.late == []
    assert verdict.acknowledged == requests
    assert statuses == [0, 0]


def processed_by_both(audit: Sequence[Change]) -> list[int]:
    """Positions whose report was completed more than once."""
    completions = Counter(change.queue_position for change in audit if change.after == "COMPLETED")
    return [position for position, times in completions.items() if times > 1]


def begun_again(audit: Sequence[Change]) -> int:
    """How many reports were begun in more than one term."""
    terms = {(change.queue_position, change.epoch) for change in audit if change.after == "PROCESSING"}
    return sum(times > 1 for times in Counter(position for position, _ in terms).values())


async def seconds_until_leading(server: CrashServer) -> float:
    """Wait for a takeover; returns how long that was."""
    started_s = time.monotonic()
    await eventually(server.leads, TAKEOVER_WITHIN_S)
    return time.monotonic() - started_s


@pytest.mark.chaos_long
async def test_when_the_leader_is_killed_the_other_takes_over(
    server: StartServer, receivers: list[Receiver], database_url: str, tmp_path: Path, seed: int, proof: Proof
) -> None:
    await install_audit(database_url)
    leader, other = await started_together([server(**SLOW), server(**SLOW)])
    history, dice = History(), random.Random(seed)
    took_s = 0.0

    async def kill_the_leader() -> None:
        nonlocal took_s
        await eventually(lambda: len(history.operations) > 40)
        await eventually(lambda: is_generating(database_url))
        await leader.kill()
        took_s = await seconds_until_leading(other)
        enough = len(history.operations) + 20
        await eventually(lambda: len(history.operations) > enough)

    async with client_session() as session:
        urls = [other.base_url, other.base_url, leader.base_url]
        clients = [Client(session, history, servers=urls, receivers=receivers, dice=dice) for _ in range(4)]
        await load(clients, kill_the_leader, PAUSE_S)
    await settled(database_url)
    assert await other.stop() == 0
    audit = await changes(database_url)
    verdict = await check(history, database_url, receivers, tmp_path / "reports")

    proof(
        f"kill -9 of the leader of two: the other leads after {took_s:.1f} s; {len(processed_by_both(audit))} jobs"
        f" processed by both, {begun_again(audit)} begun again; {verdict}"
    )
    assert verdict.told == []
    assert processed_by_both(audit) == []
    assert {change.epoch for change in audit} == {1, 2}


@pytest.mark.chaos_long
async def test_a_leader_that_was_frozen_stands_by_when_it_comes_back(
    server: StartServer, receivers: list[Receiver], database_url: str, tmp_path: Path, seed: int, proof: Proof
) -> None:
    await install_audit(database_url)
    leader, other = await started_together([server(**SLOW), server(**SLOW)])
    history, dice = History(), random.Random(seed)
    took_s = stood_by_after_s = 0.0

    async def freeze_and_thaw_the_leader() -> None:
        nonlocal took_s, stood_by_after_s
        await eventually(lambda: len(history.operations) > 40)
        await eventually(lambda: is_generating(database_url))
        leader.signal(signal.SIGSTOP)
        await take_the_lock_away(database_url)
        took_s = await seconds_until_leading(other)
        enough = len(history.operations) + 20
        await eventually(lambda: len(history.operations) > enough)
        thawed_s = time.monotonic()
        leader.signal(signal.SIGCONT)

        async def stands_by() -> bool:
            status, health = await leader.get("/api/health")
            return status == 200 and health["worker"]["leading"] is False

        await eventually(stands_by, TAKEOVER_WITHIN_S)
        stood_by_after_s = time.monotonic() - thawed_s
        await asyncio.sleep(1)
        assert await other.leads()

    async with client_session() as session:
        urls = [other.base_url]
        clients = [Client(session, history, servers=urls, receivers=receivers, dice=dice) for _ in range(4)]
        await load(clients, freeze_and_thaw_the_leader, PAUSE_S)
    await settled(database_url)
    statuses = [await each.stop() for each in (leader, other)]
    audit = await changes(database_url)
    verdict = await check(history, database_url, receivers, tmp_path / "reports")

    proof(
        f"a frozen leader: the other leads after {took_s:.1f} s, the old one stands by {stood_by_after_s:.1f} s after"
        f" it came back; {len(processed_by_both(audit))} jobs processed by both, {begun_again(audit)} begun again;"
        f" {verdict}"
    )
    assert verdict.told == []
    assert processed_by_both(audit) == []
    assert {change.epoch for change in audit} == {1, 2}
    assert statuses == [0, 0]
