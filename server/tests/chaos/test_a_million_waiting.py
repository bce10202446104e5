"""A million requests wait when the process starts: it is ready at once, stays small, and begins with the first."""

import asyncio
import json
import time
from datetime import date
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped] # ships no types
import pytest

from src.database import connect
from src.services.report_generator import ReportParameters
from tests.chaos.conftest import Proof, StartServer
from tests.support.crash_servers import CrashServer
from tests.support.database_state import fetch
from tests.support.databases import create_database
from tests.support.history import client_session
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

ROWS = 1_000_000
READY_WITHIN_S = 5.0
GROWTH_BYTES_MAX = 50 * 1024 * 1024
WORKS_FOR_S = 5.0
BUILD_TIMEOUT_S = 120.0
PARAMETERS = ReportParameters(
    num_transactions=5,
    report_name="one of a million",
    seed=1,
    period_start=date(2026, 1, 1),
    period_end=date(2026, 1, 31),
    currency="USD",
)

SECONDARY_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
WHERE i.indrelid = 'requests'::regclass AND c.oid IS NULL
"""
INSERT = """
INSERT INTO requests (id, mode, status, caller, input_payload, queue_position, callback_url, receiver,
                      callback_status, created_at)
SELECT gen_random_uuid(), 'async', 'PENDING', 'test', $1::json, n, url || '/webhook', url, 'PENDING',
       now() - (1000000 - n) * interval '1 millisecond'
FROM generate_series(1, $2) AS n, LATERAL (SELECT ($3::text[])[1 + n % cardinality($3::text[])] AS url) AS chosen
"""


async def fill(url: str, receivers: list[Receiver]) -> None:
    """Insert without indexes and build them afterwards: a third of the time."""
    connection = await connect(url)
    try:
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(SECONDARY_INDEXES)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        origins = [receiver.origin for receiver in receivers]
        await _execute(connection, INSERT, json.dumps(PARAMETERS.to_json()), ROWS, origins)
        for index in indexes:
            await _execute(connection, index["definition"])
        await _execute(connection, "UPDATE queue_counter SET last_position = $1", ROWS)
        await _execute(connection, "ANALYZE requests")
    finally:
        await connection.close()


async def _execute(connection: asyncpg.Connection, statement: str, *arguments: object) -> None:
    await connection.execute(statement, *arguments, timeout=BUILD_TIMEOUT_S)


def memory_bytes(server: CrashServer) -> int:
    used: int = psutil.Process(server.pid).memory_info().rss
    return used


async def post(server: CrashServer, receiver: Receiver) -> tuple[int, int]:
    """Submit one; returns the status and the position."""
    body = {"payload": {"num_transactions": 1}, "callback_url": receiver.url}
    async with client_session() as session, session.post(f"{server.base_url}/api/async", json=body) as answer:
        return answer.status, (await answer.json()).get("queue_position", 0)


@pytest.mark.chaos_long
async def test_a_million_waiting_requests_cost_neither_time_nor_memory_at_the_start(
    server: StartServer, receivers: list[Receiver], postgres: str, tmp_path: Path, proof: Proof
) -> None:
    empty = server()
    await empty.start()
    idle_bytes = memory_bytes(empty)
    await empty.stop()
    url = await create_database(postgres)
    await fill(url, receivers)

    full = server(DATABASE_URL=url, MAX_PENDING_REQUESTS="2000000")
    started_s = time.monotonic()
    await full.start()
    ready_s = time.monotonic() - started_s
    accepted = await post(full, receivers[0])
    largest_bytes = memory_bytes(full)
    while time.monotonic() - started_s < ready_s + WORKS_FOR_S:
        await asyncio.sleep(0.1)
        largest_bytes = max(largest_bytes, memory_bytes(full))
    await eventually(lambda: all(receiver.callbacks for receiver in receivers))
    assert await full.stop() == 0
    query = "SELECT queue_position, completed_at FROM requests WHERE completed_at IS NOT NULL ORDER BY queue_position"
    done = await fetch(url, query)
    growth_bytes = largest_bytes - idle_bytes

    proof(
        f"{ROWS:,} waiting at the start: ready after {ready_s:.1f} s, memory {growth_bytes / 1024**2:+.0f} MB against"
        f" an empty database; the first {len(done):,} generated in order, {sum(len(r.callbacks) for r in receivers):,}"
        f" delivered in order; a new one accepted at {accepted[1]:,}"
    )
    assert ready_s <= READY_WITHIN_S
    assert growth_bytes <= GROWTH_BYTES_MAX
    assert accepted == (202, ROWS + 1)
    assert [row["queue_position"] for row in done] == list(range(1, len(done) + 1))
    assert [row["completed_at"] for row in done] == sorted(row["completed_at"] for row in done)
    for number, receiver in enumerate(receivers):
        first = number or len(receivers)
        assert receiver.positions == list(range(first, receiver.positions[-1] + 1, len(receivers)))
