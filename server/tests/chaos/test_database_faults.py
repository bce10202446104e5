"""PostgreSQL crashes, or its answers are lost: clear answers in time, and nothing lost or doubled."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch, settled
from tests.support.faulty_proxy import FaultyProxy, Loss, proxy_to
from tests.support.history import Client, History, client_session, load
from tests.support.own_postgres import OwnPostgres, own_postgres
from tests.support.receivers import Receiver
from tests.support.service import Service, running_service
from tests.support.verdict import check
from tests.support.waiting import eventually

RECOVERS_WITHIN_S = 5.0
ANSWERS_WITHIN_S = 5.0
CRASHES = (signal.SIGQUIT, signal.SIGQUIT, signal.SIGKILL)
DOWN_S = 1.0
UP_S = 1.5


@pytest.fixture
def postgres_of_its_own() -> Iterator[OwnPostgres]:
    """Give a server that the test may crash."""
    with own_postgres() as postgres:
        yield postgres


#: Everything that reads or writes, apart from what clients with a history do.
OTHER_CALLS: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("GET", "/requests?limit=5", None),
    ("POST", "/sync", {"num_transactions": 5}),
    ("GET", "/queue", None),
    ("GET", "/requests/00000000-0000-4000-8000-000000000000", None),
    ("GET", "/queue/fifo-proof", None),
    ("GET", "/health", None),
)


class Caller:
    """Makes the other calls in turn; notes every answer and how long it took."""

    def __init__(self, session: aiohttp.ClientSession, server: CrashServer) -> None:
        self._session = session
        self._server = server
        self.answers: Counter[int] = Counter()
        self.longest_s = 0.0

    async def call_again_and_again(self) -> None:
        """Call until cancelled."""
        for method, path, body in cycle(OTHER_CALLS):
            started_s = time.monotonic()
            async with self._session.request(method, f"{self._server.base_url}/api{path}", json=body) as answer:
                self.answers[answer.status] += 1
            self.longest_s = max(self.longest_s, time.monotonic() - started_s)
            await asyncio.sleep(0.02)


async def crash_again_and_again(postgres: OwnPostgres, history: History) -> list[float]:
    """Crash and start PostgreSQL; returns how long each time the first accept came after its return."""
    recovered_s: list[float] = []
    for how in CRASHES:
        await asyncio.sleep(UP_S)
        await asyncio.to_thread(postgres.crash, how)
        await asyncio.sleep(DOWN_S)
        await asyncio.to_thread(postgres.start)
        back_s = time.monotonic()
        while not any(operation.acknowledged_s > back_s for operation in history.operations):
            assert time.monotonic() - back_s < 2 * RECOVERS_WITHIN_S, "nothing is accepted"
            await asyncio.sleep(0.02)
        recovered_s.append(time.monotonic() - back_s)
    await asyncio.sleep(UP_S)
    return recovered_s


@pytest.mark.chaos_long
async def test_crashes_of_postgres_while_posting(
    server: StartServer,
    postgres_of_its_own: OwnPostgres,
    receivers: list[Receiver],
    tmp_path: Path,
    seed: int,
    proof: Proof,
) -> None:
    url = postgres_of_its_own.url
    posted_to = server(DATABASE_URL=url)
    await posted_to.start()
    history, dice = History(), random.Random(seed)
    recovered_s: list[float] = []

    async def crashes() -> None:
        recovered_s.extend(await crash_again_and_again(postgres_of_its_own, history))

    async with client_session() as session:
        caller = Caller(session, posted_to)
        calling = asyncio.create_task(caller.call_again_and_again())
        clients = [
            Client(session, history, servers=[posted_to.base_url], receivers=receivers, dice=dice) for _ in range(4)
        ]
        await load(clients, crashes)
        assert not calling.done()
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
    await settled(url)
    assert await posted_to.stop() == 0
    verdict = await check(history, url, receivers, tmp_path / "reports")
    longest_s = max(history.longest_wait_s, caller.longest_s)
    answers = history.answers + caller.answers

    proof(
        f"{len(CRASHES)} crashes of PostgreSQL while posting, seed {seed}: {answers[500]} answers 500, {answers[503]}"
        f" answers 503, the longest wait {longest_s:.1f} s, accepting again {max(recovered_s):.1f} s after its return"
        f" at the latest; {verdict}"
    )
    assert verdict.told == []
    assert set(answers) <= {200, 202, 404, 503}
    assert longest_s <= ANSWERS_WITHIN_S
    assert max(recovered_s) <= RECOVERS_WITHIN_S


# --- a COMMIT whose answer was lost ---------------------------------------------------------------------------


@asynccontextmanager
async def service_behind_a_proxy(
    database_url: str, data_dir: Path, receiver: Receiver
) -> AsyncIterator[tuple[Service, FaultyProxy]]:
    async with (
        proxy_to(database_url) as (proxy, url),
        running_service(url, data_dir, callback_allowed_origins=(receiver.origin,)) as service,
    ):
        yield service, proxy


async def submit(service: Service, receiver: Receiver, key: str) -> tuple[int, dict[str, Any]]:
    body = {"payload": {"num_transactions": 5}, "callback_url": receiver.url}
    answer = await service.client.post("/api/async", json=body, headers={"X-Idempotency-Key": key})
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(loss, id=loss.name.lower(), marks=() if loss is Loss.ANSWER else pytest.mark.chaos_long)
        for loss in Loss
    ],
)
async def test_a_commit_whose_answer_was_lost_makes_exactly_one_request(
    loss: Loss, database_url: str, tmp_path: Path, receiver: Receiver, proof: Proof
) -> None:
    """The key's bytes are in the INSERT alone; the proxy lets something of it be lost, and the caller tries again."""
    times = 2 if loss is Loss.SILENCE else 20
    seen_by_callers: list[int] = []
    stored_at_first = 0
    longest_s = 0.0
    ids: set[str] = set()
    async with service_behind_a_proxy(database_url, tmp_path / "data", receiver) as (service, proxy):
        for _ in range(times):
            key = f"key-{uuid4()}"
            proxy.lose(key.encode(), loss)
            started_s = time.monotonic()
            status, _ = await submit(service, receiver, key)
            longest_s = max(longest_s, time.monotonic() - started_s)
            seen_by_callers.append(status)
            by_key = "SELECT id::text FROM requests WHERE idempotency_key = $1"
            stored_at_first += len(await fetch(database_url, by_key, key))
            again, answer = await submit(service, receiver, key)
            assert again in {200, 202}
            ids.add(answer["request_id"])
            assert [row["id"] for row in await fetch(database_url, by_key, key)] == [answer["request_id"]]
        assert proxy.losses == times
        await settled(database_url)
    [[requests]] = await fetch(database_url, "SELECT count(*) FROM requests")

    proof(
        f"an accept of which {loss.value}, {times} times: callers saw {sorted(set(seen_by_callers))} within"
        f" {longest_s:.1f} s, {stored_at_first} stored at first; tried again, {requests} requests and"
        f" {len({callback.body['request_id'] for callback in receiver.callbacks})} callbacks for {times} keys"
    )
    assert set(seen_by_callers) == {503}
    assert longest_s <= ANSWERS_WITHIN_S
    if loss is not Loss.CONNECTION:  # then it may still be under way when we look
        assert stored_at_first == (0 if loss is Loss.STATEMENT else times)
    assert requests == len(ids) == times
    assert {callback.body["request_id"] for callback in receiver.callbacks} == ids
    assert receiver.positions == list(range(1, times + 1))


@pytest.mark.chaos_long
async def test_a_slow_line_in_small_pieces_is_only_slow(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    async with service_behind_a_proxy(database_url, tmp_path / "data", receiver) as (service, proxy):
        proxy.one_byte = True
        await service.submit(receiver.url, num_transactions=5)
        proxy.one_byte, proxy.delay_s = False, 0.02
        await service.submit(receiver.url, num_transactions=5)
        proxy.delay_s = 0
        await receiver.got(2)

    assert receiver.positions == [1, 2]


@pytest.mark.parametrize(
    "fault", ["cut", *(pytest.param(fault, marks=pytest.mark.chaos_long) for fault in ("reset", "stall"))]
)
async def test_a_line_that_breaks_while_working_costs_nothing(
    fault: str, database_url: str, tmp_path: Path, receiver: Receiver, proof: Proof
) -> None:
    """Connections break under everything the service does; it answers in time and catches up by itself."""
    reports = 60
    answers: list[int] = []
    longest_s = 0.0
    async with service_behind_a_proxy(database_url, tmp_path / "data", receiver) as (service, proxy):

        async def break_again_and_again() -> None:
            for _ in range(2 if fault == "stall" else 6):
                await asyncio.sleep(0.5 if fault == "stall" else 0.15)
                if fault == "stall":
                    proxy.stall()
                    await asyncio.sleep(2.5)
                    proxy.go_on()
                else:
                    proxy.cut(reset=fault == "reset")

        breaking = asyncio.create_task(break_again_and_again())
        for number in range(reports):
            status = 0
            while status not in {200, 202}:
                started_s = time.monotonic()
                status, _ = await submit(service, receiver, f"key-{number}")
                longest_s = max(longest_s, time.monotonic() - started_s)
                answers.append(status)
                await asyncio.sleep(0.02)
        await breaking
        await settled(database_url)

    first_ones = list(dict.fromkeys(receiver.positions))
    proof(
        f"connections to PostgreSQL: {fault} again and again under {reports} accepts: {answers.count(503)} answers 503,"
        f" {sum(status not in {200, 202, 503} for status in answers)} others, the longest wait {longest_s:.1f} s;"
        f" {len(set(receiver.positions))} delivered, {len(receiver.positions) - len(first_ones)} repeated"
    )
    assert set(answers) <= {200, 202, 503}
    assert first_ones == list(range(1, reports + 1))
    assert longest_s <= ANSWERS_WITHIN_S


async def test_a_server_that_has_said_goodbye_is_away(database_url: str, tmp_path: Path, receiver: Receiver) -> None:
    """Between its last words and the end of the connection, a use of the connection is no fault of ours."""
    async with service_behind_a_proxy(database_url, tmp_path / "data", receiver) as (service, proxy):
        await submit(service, receiver, "key-1")
        await settled(database_url)
        proxy.say_goodbye()
        await asyncio.sleep(0.05)
        in_between, _ = await submit(service, receiver, "key-2")
        proxy.cut()

        async def accepted() -> bool:
            status, _ = await submit(service, receiver, "key-2")
            assert status in {200, 202, 503}  # 200: it was stored, and only the answer was lost
            return status != 503

        await eventually(accepted)
        await settled(database_url)

    assert in_between == 503
    assert receiver.positions == [1, 2]
