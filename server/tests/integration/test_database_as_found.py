"""Whatever an operator has set for the database or the role, sessions begin with what their statements rely on."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from sqlalchemy import text

from src.database import SESSION, create_pool, open_engine
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service

HOSTILE = {
    "default_transaction_isolation": "'serializable'",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "statement_timeout": "1",
    "lock_timeout": "1",
    "idle_in_transaction_session_timeout": "1",
    "idle_session_timeout": "100",
    "TimeZone": "'Asia/Kathmandu'",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "'sql_standard'",
    "bytea_output": "'escape'",
    "standard_conforming_strings": "off",
    "row_security": "off",
    "jit": "on",
    "client_encoding": "'LATIN1'",
    "application_name": "'mine'",
}
READ = "SELECT name, current_setting(name) FROM unnest($1::text[]) AS name"

SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"


@pytest.fixture(params=["database", "role"])
async def hostile_url(database_url: str, request: pytest.FixtureRequest) -> str:
    """Give a database whose sessions begin with the wrong settings."""
    [[name]] = await fetch(database_url, "SELECT current_database()")
    whose = f"DATABASE {name}" if request.param == "database" else f"ROLE ALL IN DATABASE {name}"
    await run_sql(database_url, *(f"ALTER {whose} SET {setting} = {value}" for setting, value in HOSTILE.items()))
    return database_url


def test_every_setting_that_sessions_ask_for_is_set_otherwise_in_these_tests() -> None:
    assert SESSION.keys() <= HOSTILE.keys()


async def test_all_ways_to_the_database_ask_for_the_same(hostile_url: str) -> None:
    of_one = {record[0]: record[1] for record in await fetch(hostile_url, READ, list(SESSION))}
    pool = await create_pool(hostile_url, connections_max=1)
    of_pool = {record[0]: record[1] for record in await pool.fetch(READ, list(SESSION))}
    await pool.close()
    async with open_engine(hostile_url) as engine, engine.connect() as connection:
        read = text(READ.replace("$1::text[]", "CAST(:names AS text[])"))
        of_engine = {row.name: row[1] for row in await connection.execute(read, {"names": list(SESSION)})}

    assert of_one == of_pool == of_engine == SESSION


async def test_everything_is_served_on_a_database_with_the_wrong_settings(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], hostile_url: str, receiver: Receiver
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,)) as service:
        accepted = await asyncio.gather(*(service.submit(receiver.url, num_transactions=5) for _ in range(40)))
        ended = [await service.callback_ended(one["request_id"]) for one in accepted]
        first = ended[0]["request_id"]
        key = {"X-Idempotency-Key": "k"}
        sync = [await service.client.post("/api/sync", json={"report_name": "Прибыль"}, headers=key) for _ in range(2)]
        redelivered = await service.client.post(f"/api/requests/{first}/redeliver")
        await receiver.got(41)
        await service.callback_ended(first)
        read = [
            await service.client.get(path)
            for path in (
                "/api/requests",
                "/api/requests?q=Прибыль&mode=sync",
                f"/api/requests/{first}/callback-logs",
                f"/api/reports/{first}.csv",
                "/api/queue",
                "/api/queue/fifo-proof",
                "/api/benchmark/runs",
                "/api/health",
                "/api/health/ready",
            )
        ]
        deleted = await service.client.delete(f"/api/requests/{first}")
        sessions = {record["pid"] for record in await fetch(hostile_url, SESSIONS)}
        await asyncio.sleep(0.3)  # longer than a session may be idle here
        ended_since = sessions - {record["pid"] for record in await fetch(hostile_url, SESSIONS)}

    assert {one["callback_status"] for one in ended} == {"SUCCESS"}
    assert [answer.status_code for answer in sync] == [200, 200]
    assert sync[1].json()["status"] == "duplicate"
    assert redelivered.status_code == 202
    assert [answer.status_code for answer in read] == [200] * len(read)
    assert len(read[1].json()["requests"]) == 1
    assert deleted.status_code == 200
    assert len(sessions) > 4
    assert len(ended_since) == 1  # which asked for the others
