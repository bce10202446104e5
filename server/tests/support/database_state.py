"""The state of the database, read without the service."""

import asyncio
from typing import Any

import asyncpg

from src.database import connect
from src.services.engine.leadership import LEADER_LOCK
from tests.support.waiting import eventually

UNSETTLED = """
SELECT count(*) FROM requests
WHERE callback_status = 'PENDING' OR (mode = 'async' AND status IN ('PENDING', 'PROCESSING'))
"""
TAKE_THE_LOCK_AWAY = """
SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = $1
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def fetch(url: str, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    """Run one statement on a new connection."""
    connection = await connect(url)
    try:
        records: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
        return records
    finally:
        await connection.close()


async def is_settled(url: str) -> bool:
    """Return whether every report and every callback has ended."""
    await asyncio.sleep(0.05)  # for whoever asks again and again
    return bool((await fetch(url, UNSETTLED))[0][0] == 0)


async def is_generating(url: str) -> bool:
    """Return whether a report is being generated."""
    return bool(
        (await fetch(url, "SELECT count(*) FROM requests WHERE mode = 'async' AND status = 'PROCESSING'"))[0][0]
    )


async def settled(url: str, within_s: float = 40) -> None:
    """Wait until every report and every callback has ended."""
    await eventually(lambda: is_settled(url), within_s)


async def take_the_lock_away(url: str) -> None:
    """Terminate the leader's connection, as PostgreSQL does with an unresponsive client."""
    assert len(await fetch(url, TAKE_THE_LOCK_AWAY, LEADER_LOCK)) == 1
