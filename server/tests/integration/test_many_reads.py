"""Many reads at once: a caller that reads without end waits for itself, and nobody meets a 500."""

import asyncio
import time
from collections import Counter

import httpx

from src.services.requests.read_slots import WAIT_MAX_S
from tests.support.database_state import fetch
from tests.support.service import Service
from tests.support.waiting import eventually

ROWS = 9_000
CONNECTIONS = 100
FOR_S = 2.0
READS_MIN = 5
FILL = """
INSERT INTO requests (id, mode, status, caller, input_payload, created_at, completed_at, failure_reason)
SELECT gen_random_uuid(), 'sync', 'FAILED', 'x',
       '{"report_name": "name", "num_transactions": 1, "seed": 1, "period_start": "2026-01-01",
         "period_end": "2026-01-31", "currency": "USD"}',
       now() - n * interval '1 s', now(), 'It failed.'
FROM generate_series(1, $1) AS n
"""
HEAVY = "/api/requests?q=zzzz&limit=200"


async def test_one_caller_with_100_connections_keeps_nobody_from_reading_and_meets_no_500(service: Service) -> None:
    await fetch(service.settings.database_url, FILL, ROWS)
    met: Counter[int] = Counter()
    took_s: list[float] = []

    over = asyncio.Event()

    async def read_on(client: httpx.AsyncClient) -> None:
        while not over.is_set():
            answer = await client.get(HEAVY)
            met[answer.status_code] += 1
            assert answer.status_code == 200 or int(answer.headers["retry-after"]) > 0

    async def read_now_and_then(client: httpx.AsyncClient) -> None:
        until_s = time.monotonic() + FOR_S
        while time.monotonic() < until_s or len(took_s) < READS_MIN:
            started_s = time.monotonic()
            for path in ("/api/requests", "/api/health/ready"):
                answer = await client.get(path)
                assert answer.status_code == 200, answer.text
            took_s.append(time.monotonic() - started_s)
            await asyncio.sleep(0.05)
        over.set()

    async with (
        caller(service, "192.0.2.1") as greedy,
        caller(service, "192.0.2.2") as other,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(CONNECTIONS):
            group.create_task(read_on(greedy))
        await eventually(lambda: met.total() >= CONNECTIONS, within_s=60)
        group.create_task(read_now_and_then(other))

    assert met.keys() <= {200, 503}
    assert met[200] > 0
    assert sorted(took_s)[len(took_s) // 2] < WAIT_MAX_S / 2


def caller(service: Service, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=service.app, raise_app_exceptions=False, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30)
