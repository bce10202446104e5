"""A thousand receivers hang: whoever answers does not notice, and afterwards nothing is left of it."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import quantiles

import aiohttp
import psutil  # type: ignore[import-untyped] # ships no types
import pytest
from aiohttp import web

from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch, settled
from tests.support.history import client_session
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

HANGING = 1_000
ACCEPTS = 300
DELIVERED_WITHIN_S = 2.0
#: An accept takes a few milliseconds; below this a busy machine decides, not the service.
ACCEPT_ALWAYS_FINE_S = 0.05
MEMORY_MORE_BYTES_MAX = 30 * 1024 * 1024
FILES_MORE_MAX = 5
OPEN_FILES_NEEDED = 2 * HANGING + 500
#: Idle lanes are forgotten after 15 s, and looked for every 5.
FORGOTTEN_WITHIN_S = 25.0


@asynccontextmanager
async def serving_on_many_ports(receiver: Receiver, ports: int) -> AsyncIterator[list[str]]:
    """Serve one receiver on many ports: to the service it is as many receivers. Yields their URLs."""
    app = web.Application()
    app.router.add_post("/webhook", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        for _ in range(ports):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield [f"http://127.0.0.1:{address[1]}" for address in runner.addresses]
    finally:
        await runner.cleanup()


@pytest.fixture
def _many_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES_NEEDED:
        if hard < OPEN_FILES_NEEDED:
            pytest.fail(f"raise the limit of open files: {OPEN_FILES_NEEDED} are needed (ulimit -Hn)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES_NEEDED, hard))


async def post_to(session: aiohttp.ClientSession, server: CrashServer, origins: Sequence[str]) -> list[float]:
    """Submit one after the other; returns how long each took."""
    took_s: list[float] = []
    for origin in origins:
        started_s = time.monotonic()
        body = {"payload": {"num_transactions": 1}, "callback_url": f"{origin}/webhook"}
        async with session.post(f"{server.base_url}/api/async", json=body) as answer:
            assert answer.status == 202
        took_s.append(time.monotonic() - started_s)
        await asyncio.sleep(0.005)
    return took_s


def p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[98]


async def delivery_waits_s(url: str, receiver: Receiver) -> list[float]:
    """How long after its completion each callback to a receiver was acknowledged."""
    query = """
SELECT extract(epoch FROM callback_finished_at - completed_at)::float AS waited_s FROM requests
WHERE receiver = $1 AND callback_status = 'SUCCESS'
"""
    return [row["waited_s"] for row in await fetch(url, query, receiver.origin)]


@pytest.mark.chaos_long
@pytest.mark.usefixtures("_many_open_files")
async def test_a_thousand_hanging_receivers_leave_a_healthy_one_untouched(
    server: StartServer, receivers: list[Receiver], database_url: str, proof: Proof
) -> None:
    healthy = receivers[0]
    hanging = Receiver(answer=lambda _number, _callback: None)
    async with serving_on_many_ports(hanging, HANGING) as origins, client_session() as session:
        allowed = ",".join([healthy.origin, *origins])
        busy = server(
            CALLBACK_ALLOWED_ORIGINS=allowed,
            CALLBACK_TIMEOUT_SECONDS="5",
            CALLBACK_RETRY_DELAYS="1,1,1",
            MAX_RECEIVERS_PER_CALLER=str(2 * HANGING),
        )
        await busy.start()
        idle = await post_to(session, busy, [healthy.origin] * ACCEPTS)
        await healthy.got(ACCEPTS)
        process = psutil.Process(busy.pid)
        files_before, memory_before = process.num_fds(), process.memory_info().rss

        await post_to(session, busy, origins)
        loaded = await post_to(session, busy, [healthy.origin] * ACCEPTS)
        await healthy.got(2 * ACCEPTS)
        waits_s = await delivery_waits_s(database_url, healthy)
        _, health = await busy.get("/api/health")
        in_flight = health["callbacks"]["in_flight"]

        hanging.answer = lambda _number, _callback: 200
        await settled(database_url)
        await eventually(lambda: process.num_fds() <= files_before + FILES_MORE_MAX, FORGOTTEN_WITHIN_S)
        files_more = process.num_fds() - files_before
        memory_more_bytes = process.memory_info().rss - memory_before
        assert await busy.stop() == 0

    proof(
        f"{HANGING:,} hanging receivers and a healthy one: its callbacks p99 {p99(waits_s) * 1000:.0f} ms after"
        f" completion, accepts p99 {p99(loaded) * 1000:.1f} ms against {p99(idle) * 1000:.1f} ms idle, {in_flight} in"
        f" flight; afterwards {files_more:+} open files, {memory_more_bytes / 1024**2:+.1f} MB"
    )
    assert len(waits_s) == 2 * ACCEPTS
    assert p99(waits_s) <= DELIVERED_WITHIN_S
    assert p99(loaded) <= max(3 * p99(idle), ACCEPT_ALWAYS_FINE_S)
    assert healthy.positions == sorted(set(healthy.positions))
    assert memory_more_bytes <= MEMORY_MORE_BYTES_MAX
