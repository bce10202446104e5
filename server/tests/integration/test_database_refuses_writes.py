"""A database that can be read and takes no changes: 503 with Retry-After, not ready; and it recovers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.errors import DatabaseAway
from tests.support.databases import create_database, create_template, run_sql
from tests.support.own_postgres import OwnPostgres, own_postgres
from tests.support.receivers import Receiver
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

#: What PostgreSQL answers on a full disk, for rows and for the files of new tables.
FULL = (
    (
        "CREATE FUNCTION full_for_rows() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    ),
    (
        "CREATE FUNCTION full_for_tables() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$"
    ),
    "CREATE TRIGGER full_disk BEFORE INSERT ON requests EXECUTE FUNCTION full_for_rows()",
    (
        "CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS')"
        " EXECUTE FUNCTION full_for_tables()"
    ),
)
ROOM = ("DROP EVENT TRIGGER full_disk", "DROP TRIGGER full_disk ON requests")


@pytest.fixture(scope="module")
def own() -> Iterator[OwnPostgres]:
    with own_postgres() as postgres:
        asyncio.run(create_template(postgres.url))
        yield postgres


async def test_a_read_only_database_is_a_503_not_ready_and_unhealthy_and_all_of_it_recovers(
    own: OwnPostgres, tmp_path: Path, receiver: Receiver
) -> None:
    url = await create_database(own.url)
    async with running_service(url, tmp_path / "data", callback_allowed_origins=(receiver.origin,)) as service:
        before = (await service.submit(receiver.url))["request_id"]
        await service.callback_ended(before)
        await own.configure(default_transaction_read_only="on")

        body = {"payload": {}, "callback_url": receiver.url}
        refused = [
            await service.client.post("/api/async", json=body, headers={"X-Idempotency-Key": "k"}),
            await service.client.post("/api/sync", json={}),
            await service.client.post(f"/api/requests/{before}/redeliver"),
            await service.client.delete(f"/api/requests/{before}"),
            await service.client.delete("/api/requests"),
        ]
        read = await service.client.get("/api/requests")
        ready, health = await service.client.get("/api/health/ready"), await service.client.get("/api/health")

        await own.configure(default_transaction_read_only="off")
        await eventually(lambda: is_ready(service), within_s=6)
        accepted = await service.client.post("/api/async", json=body, headers={"X-Idempotency-Key": "k"})
        await service.callback_ended(accepted.json()["request_id"])
        await eventually(lambda: is_healthy(service), within_s=12)

    assert [answer.status_code for answer in refused] == [503] * 5
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert {answer.json()["detail"] for answer in refused} == {"The database takes no changes now: it is read-only."}
    assert read.status_code == 200
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert "read-only" in ready.json()["reason"]
    assert (health.status_code, health.json()["database"]["connected"]) == (503, True)
    assert health.json()["database"]["writable"] is False
    assert accepted.status_code == 202
    assert receiver.positions == [1, 2]


async def test_a_full_database_is_a_503_and_not_ready_until_there_is_room(own: OwnPostgres, tmp_path: Path) -> None:
    url = await create_database(own.url)
    async with running_service(url, tmp_path / "data") as service:
        await run_sql(url, *FULL)
        full = await service.client.post("/api/sync", json={})
        ready = [await service.client.get("/api/health/ready") for _ in range(3)]
        health = await service.client.get("/api/health")
        listed = await service.client.get("/api/requests")
        await run_sql(url, *ROOM)
        await eventually(lambda: is_ready(service), within_s=6)
        stored = await service.client.post("/api/sync", json={})

    assert (full.status_code, full.json()["detail"]) == (503, "The database takes no changes now: its disk is full.")
    assert int(full.headers["retry-after"]) > 0
    assert {(answer.status_code, answer.json()["reason"]) for answer in ready} == {(503, full.json()["detail"])}
    assert health.status_code == 503
    assert health.json()["database"]["error"] == full.json()["detail"]
    assert listed.status_code == 200
    assert stored.status_code == 200


async def test_an_outage_that_is_over_leaves_nothing_behind(own: OwnPostgres, tmp_path: Path) -> None:
    url = await create_database(own.url)
    async with running_service(url, tmp_path / "data") as service:
        service.parts.database.note(DatabaseAway("It does not answer."))
        after_silence = await is_ready(service)
        service.parts.database.note(DatabaseAway("Its disk is full.", refuses_writes=True))
        after_refusal = await is_ready(service)

    assert after_silence
    assert after_refusal


async def is_ready(service: Service) -> bool:
    return (await service.client.get("/api/health/ready")).status_code == 200


async def is_healthy(service: Service) -> bool:
    await asyncio.sleep(0.05)
    return (await service.client.get("/api/health")).status_code == 200
