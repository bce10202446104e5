"""Jobs end to end: posted by 16 clients, called back at four receivers, timed from the POST to the callback.

Clients and receivers live on an event loop in a thread of its own, in this process: both sides meet the same ones.
"""

import asyncio
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import aiohttp
import uvloop
from aiohttp import web

from bench.figures import percentile
from bench.programs import SIGNING_SECRET
from src.services.delivery.signing import Signer
from tests.support.waiting import eventually

CLIENTS = 16
#: Enough that one is free when a job is due, and fewer than aiohttp opens connections.
CLIENTS_AT_A_RATE = 96
RECEIVERS = 4
ROWS = 50
CALLBACKS_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """The timings of a number of jobs."""

    jobs: int
    accepted_s: float
    took_s: float
    waits_ms: Sequence[float]
    acks_ms: Sequence[float]

    @property
    def ack_p99_ms(self) -> float:
        """99th percentile of the time to the response."""
        return percentile(self.acks_ms, 99)

    @property
    def jobs_per_s(self) -> float:
        """Time from the first POST to the last callback."""
        return self.jobs / self.took_s

    @property
    def p95_ms(self) -> float:
        """95th percentile of the time to callback."""
        return percentile(self.waits_ms, 95)

    @property
    def p50_ms(self) -> float:
        """Median time to callback."""
        return statistics.median(self.waits_ms)


@dataclass(slots=True)
class _Receivers:
    """Arrival times of callbacks by `webhook-id`, and one complete callback."""

    arrived_s: dict[str, float]
    last: tuple[dict[str, str], bytes] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.arrived_s[request.headers["webhook-id"]] = time.perf_counter()
        self.last = (dict(request.headers), body)
        return web.Response()


class JobLoad:
    """Runs clients and receivers in a `with` block; `origins` are those of the receivers."""

    def __enter__(self) -> Self:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="load", daemon=True)
        self._thread.start()
        self._receivers = _Receivers({})
        self._runner, self.origins = self._call(self._serve())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def allowed_origins(self) -> str:
        """The origins in the format of CALLBACK_ALLOWED_ORIGINS."""
        return ",".join(self.origins)

    def run(self, base_url: str, jobs: int, *, rows: int = ROWS, per_s: float | None = None) -> Delivered:
        """Post jobs and wait for the last callback.

        With `per_s` each is due at its moment, and its times count from then: waiting behind a stall is seen.

        Raises:
            AssertionError: a request was refused, a callback did not come or was not signed as it should be.
        """
        delivered: Delivered = self._call(self._run(base_url, jobs, rows, per_s))
        return delivered

    def post(self, base_url: str, jobs: int, *, rows: int) -> None:
        """Post jobs without waiting for callbacks."""
        self._call(self._post_all(base_url, jobs, rows))

    def _call(self, work: Any) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C: nothing goes on behind our back
            raise

    async def _serve(self) -> tuple[web.AppRunner, list[str]]:
        app = web.Application()
        app.router.add_post("/webhook", self._receivers.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        for _ in range(RECEIVERS):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner, [f"http://127.0.0.1:{port}" for _, port in runner.addresses]

    async def _run(self, base_url: str, jobs: int, rows: int, per_s: float | None) -> Delivered:
        arrived_s = self._receivers.arrived_s
        arrived_s.clear()
        started_s = time.perf_counter()
        sent_s, acks_ms = await self._post_all(base_url, jobs, rows, per_s)
        accepted_s = time.perf_counter() - started_s
        await eventually(lambda: arrived_s.keys() >= sent_s.keys(), CALLBACKS_WITHIN_S)
        self._verify()
        return Delivered(
            jobs=jobs,
            accepted_s=accepted_s,
            took_s=max(arrived_s[one] for one in sent_s) - started_s,
            waits_ms=[(arrived_s[one] - sent_s[one]) * 1000 for one in sent_s],
            acks_ms=acks_ms,
        )

    async def _post_all(
        self, base_url: str, jobs: int, rows: int, per_s: float | None = None
    ) -> tuple[dict[str, float], list[float]]:
        """Post; when each was sent or due, by the id that its callback will have, and the times to the answers."""
        sent_s: dict[str, float] = {}
        acks_ms: list[float] = []
        numbers = iter(range(jobs))
        begins_s = time.perf_counter()

        async def client(session: aiohttp.ClientSession) -> None:
            for number in numbers:
                started_s = time.perf_counter()
                if per_s is not None:
                    due_s = begins_s + number / per_s
                    await asyncio.sleep(due_s - started_s)
                    started_s = due_s
                headers = {"X-Idempotency-Key": str(uuid4())}
                body = job(self.origins[number % RECEIVERS], rows)
                async with session.post(f"{base_url}/api/async", json=body, headers=headers) as answer:
                    assert answer.status == 202, await answer.text()
                    accepted = await answer.json()
                acks_ms.append((time.perf_counter() - started_s) * 1000)
                sent_s["msg_" + accepted["request_id"].replace("-", "")] = started_s

        async with aiohttp.ClientSession() as session:
            clients = CLIENTS if per_s is None else CLIENTS_AT_A_RATE
            await asyncio.gather(*(client(session) for _ in range(clients)))
        return sent_s, acks_ms

    def _verify(self) -> None:
        """Verify one callback as a receiver should: every round proves that both sides sign."""
        assert self._receivers.last is not None
        headers, body = self._receivers.last
        Signer([SIGNING_SECRET]).verify(headers, body, now=time.time())


def job(origin: str, rows: int = ROWS) -> dict[str, Any]:
    """The body of one job."""
    return {"payload": {"num_transactions": rows}, "callback_url": f"{origin}/webhook"}
