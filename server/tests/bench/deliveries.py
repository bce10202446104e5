"""How many async reports are accepted, generated and delivered in a second: `python -m tests.bench.deliveries`.

Starts the service as its users do, posts from 16 clients to four receivers in this process, and waits for the last
callback. Everything is on: address checks, signatures, log rows, an idempotency key for each request. Load
generator, receivers, service and PostgreSQL share the machine, so the figure is about the machine as much as the
service; the first round also pays for everything that happens once.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
from aiohttp import web

from tests.support.processes import ServerProcess, server_process

CLIENTS = 16
RECEIVERS = 4


class Arrivals:
    """When each callback came, by its `webhook-id`."""

    def __init__(self) -> None:
        self.at_s: dict[str, float] = {}

    async def handle(self, request: web.Request) -> web.Response:
        """Take a callback."""
        await request.read()
        self.at_s[request.headers["webhook-id"]] = time.perf_counter()
        return web.Response()


@asynccontextmanager
async def receiving(arrivals: Arrivals) -> AsyncIterator[list[str]]:
    """Serve the receivers; their origins."""
    app = web.Application()
    app.router.add_post("/webhook", arrivals.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for _ in range(RECEIVERS):
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield [f"http://127.0.0.1:{port}" for _, port in runner.addresses]
    finally:
        await runner.cleanup()


async def post_all(server: ServerProcess, origins: Sequence[str], count: int) -> dict[str, float]:
    """Post so many requests; when each was sent, by the id its callback will have."""
    sent_s: dict[str, float] = {}
    numbers = iter(range(count))

    async def client(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = {"payload": {"num_transactions": 50}, "callback_url": f"{origins[number % RECEIVERS]}/webhook"}
            started_s = time.perf_counter()
            headers = {"X-Idempotency-Key": str(uuid4())}
            async with session.post(f"{server.base_url}/api/async", json=body, headers=headers) as answer:
                accepted = await answer.json()
            sent_s["msg_" + accepted["request_id"].replace("-", "")] = started_s

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
    return sent_s


async def measure(server: ServerProcess, origins: Sequence[str], arrivals: Arrivals, count: int) -> str:
    """Run one round and say what came of it."""
    arrivals.at_s.clear()
    started_s = time.perf_counter()
    sent_s = await post_all(server, origins, count)
    accepted_s = time.perf_counter() - started_s
    while len(arrivals.at_s) < count:  # noqa: ASYNC110  an event for each arrival would be measured too
        await asyncio.sleep(0.005)
    took_s = time.perf_counter() - started_s
    waits_ms = sorted((arrivals.at_s[one] - sent_s[one]) * 1000 for one in sent_s)
    p50, p95 = (waits_ms[int(count * share)] for share in (0.5, 0.95))
    return (
        f"{count} reports: {count / took_s:.0f} delivered a second, {count / accepted_s:.0f} accepted a second, "
        f"time to callback p50 {p50:.0f} ms, p95 {p95:.0f} ms"
    )


async def main(count: int, rounds: int) -> None:
    """Measure a few rounds against one server."""
    arrivals = Arrivals()
    with tempfile.TemporaryDirectory(prefix="frg-") as folder:
        async with receiving(arrivals) as origins:
            settings = {"SIMULATED_MS_PER_TRANSACTION": "0", "RATE_LIMIT_ASYNC": "off"}
            with server_process(Path(folder), CALLBACK_ALLOWED_ORIGINS=",".join(origins), **settings) as server:
                for _ in range(rounds):
                    print(await measure(server, origins, arrivals, count))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=500, help="reports in a round (default 500)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    options = parser.parse_args()
    asyncio.run(main(options.reports, options.rounds))
