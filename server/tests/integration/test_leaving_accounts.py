"""An account leaves: all of it in an archive, and nothing of it left, whenever the command is interrupted."""

import asyncio
import hashlib
import json
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from src.database import create_pool
from src.errors import Conflict
from src.manage.__main__ import main
from src.services.identity.account_store import AccountChange, AccountStore
from src.services.identity.key_format import generate_key
from src.services.report_files.local_folder import LocalFolder
from src.services.upkeep.account_removal import CALLS_END_WITHIN, AccountRemoval
from tests.integration.test_the_door import bearer, made
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
NAME = "leaving-inc"
LONG_AGO = "UPDATE accounts SET disabled_at = now() - interval '1 hour'"


@pytest.fixture
async def service(run_service: RunService, receiver: Receiver) -> AsyncIterator[Service]:
    async with run_service(callback_allowed_origins=(receiver.origin,), auth_failure_rate="off") as service:
        yield service


@pytest.fixture
async def pool(service: Service) -> AsyncIterator[asyncpg.Pool]:
    pool = await create_pool(service.settings.database_url, connections_max=2)
    yield pool
    await pool.close()


async def something_of_everything(service: Service, receiver: Receiver, account: str = NAME) -> list[str]:
    """Give an account one of everything; returns the ids of its requests and its batch."""
    key = await made(service, "submit", "read", "manage", account=account)
    assert (await service.client.post("/api/webhook-secrets/rotate", headers=bearer(key))).status_code == 201
    headers = {**bearer(key), "X-Idempotency-Key": f"key-of-{account}"}
    body = {"payload": {"report_name": account, "num_transactions": 3}, "callback_url": f"{receiver.url}?{account}"}
    await service.client.post("/api/async", headers=headers, json=body)
    await service.client.post("/api/sync", headers=headers, json={"report_name": account})
    batch = {"requests": [{"payload": body["payload"]}] * 2, "callback_url": receiver.url}
    await service.client.post("/api/batch", headers=headers, json={**batch, "callbacks": "batch", "name": account})
    another = {**body, "callback_url": f"{receiver.url}?again-{account}"}
    await service.client.post("/api/async", headers=bearer(key), json=another)

    async def ended() -> bool:
        counts = (await service.client.get("/api/requests/counts", headers=bearer(key))).json()
        batches = (await service.client.get("/api/batches", headers=bearer(key))).json()["batches"]
        done = counts["by_status"]["COMPLETED"] == 5 and counts["by_callback_status"]["SUCCESS"] == 2
        return bool(done and batches[0]["callback_status"] == "SUCCESS")

    await eventually(ended)
    wanted = {"filter": {"callback_status": "SUCCESS"}, "dry_run": False, "expected_count": 2}
    assert (await service.client.post("/api/redeliveries", headers=bearer(key), json=wanted)).status_code == 202
    await service.parts.benchmark_store.begin(uuid4(), "sync", {"of": account}, service.parts.now(), account)
    await service.client.post("/api/ws/tickets", headers=bearer(key))

    async def settled() -> bool:
        [row] = await fetch(
            service.settings.database_url,
            f"SELECT count(*) FROM redeliveries WHERE account = '{account}' AND status = 'RUNNING'",
        )
        return not row[0] and await ended()

    await eventually(settled)
    await run_sql(service.settings.database_url, "UPDATE benchmark_runs SET status = 'STOPPED', ended_at = now()")
    requests = (await service.client.get("/api/requests", headers=bearer(key))).json()["requests"]
    return [request["id"] for request in requests] + [next(one["batch_id"] for one in requests if one["batch_id"])]


async def traces(service: Service, *words: str) -> dict[str, int]:
    """Search every table for words: the number of rows with one, by table."""
    url = service.settings.database_url
    tables = await fetch(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = {}
    for (table,) in tables:
        pattern = "|".join(words)
        [row] = await fetch(url, f"SELECT count(*) FROM {table} AS t WHERE t::text ~ '{pattern}'")
        if row[0]:
            found[table] = row[0]
    return found


def files_of(service: Service, ids: list[str]) -> list[Path]:
    return [path for path in service.settings.reports_folder.rglob("*") if any(one in path.name for one in ids)]


def removal_of(service: Service, pool: asyncpg.Pool) -> AccountRemoval:
    later = datetime.now(UTC) + CALLS_END_WITHIN
    return AccountRemoval(pool, [LocalFolder(service.settings.reports_folder)], now=lambda: later)


async def test_an_account_is_deleted_whenever_it_was_interrupted_and_nothing_of_it_is_left(
    service: Service, receiver: Receiver, pool: asyncpg.Pool
) -> None:
    ids = await something_of_everything(service, receiver)
    others = await something_of_everything(service, receiver, "staying-ltd")
    before = await traces(service, NAME, *ids)
    assert {"accounts", "api_keys", "batches", "benchmark_runs", "idempotency_keys", "redeliveries"} <= set(before)
    assert {"requests", "callback_logs", "batch_callback_logs", "stream_tickets", "webhook_secrets"} <= set(before)
    assert len(files_of(service, ids)) == 5
    staying = await traces(service, "staying-ltd", *others)

    steps = 0
    done = False
    while not done:  # each time one step more, and then as if the process had been killed
        removal = removal_of(service, pool)
        await removal.disable(NAME)
        steps += 1
        going = removal.remove(NAME, unfinished=False)
        for _ in range(steps):
            done = (await anext(going)).done
            if done:
                break
        await going.aclose()

    assert steps > 1
    await eventually(lambda: nothing_but_notes_of_files(service, ids))
    assert files_of(service, ids) == []
    assert await traces(service, "staying-ltd", *others) == staying
    assert len(files_of(service, others)) == 5


async def nothing_but_notes_of_files(service: Service, ids: list[str]) -> bool:
    """Reports are deleted once more after two minutes; that note has the id alone."""
    return set(await traces(service, NAME, *ids)) <= {"files_to_delete"}


async def test_what_has_not_ended_is_told_and_deleted_only_when_that_is_asked_for(
    run_service: RunService, receiver: Receiver
) -> None:
    slow: dict[str, Any] = {"simulated_ms_per_transaction": 1000, "simulated_max_seconds": 0.3}
    async with run_service(**slow) as service:
        pool = await create_pool(service.settings.database_url, connections_max=2)
        key = await made(service, "submit", "read", account=NAME)
        entry = {"payload": {"num_transactions": 2}}
        for _ in range(3):
            await service.client.post("/api/async", headers=bearer(key), json=entry)
        await service.client.post("/api/batch", headers=bearer(key), json={"requests": [entry] * 2})
        removal = removal_of(service, pool)
        assert await removal.disable(NAME) == CALLS_END_WITHIN.total_seconds()
        with pytest.raises(Conflict, match="of its requests, batches, callbacks"):
            await anext(removal.remove(NAME, unfinished=False))
        assert "requests" in await traces(service, NAME)
        last = [step async for step in removal.remove(NAME, unfinished=True)][-1]
        left = await traces(service, NAME)
        await pool.close()

    assert last.done
    assert (last.batches, last.requests) == (1, 5)
    assert left == {}


async def test_an_account_that_is_enabled_meanwhile_is_left_alone(
    service: Service, receiver: Receiver, pool: asyncpg.Pool
) -> None:
    await something_of_everything(service, receiver)
    removal = removal_of(service, pool)
    await removal.disable(NAME)
    going = removal.remove(NAME, unfinished=False)
    await anext(going)
    await AccountStore(pool).change(NAME, AccountChange(disabled=False), datetime.now(UTC))
    with pytest.raises(Conflict, match="enabled meanwhile"):
        [step async for step in going]

    [row] = await fetch(service.settings.database_url, f"SELECT count(*) FROM requests WHERE account = '{NAME}'")
    assert row[0] == 5


async def test_the_command_line_exports_and_deletes_while_reports_are_generated(
    service: Service,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", service.settings.database_url)
    monkeypatch.setenv("DATA_DIR", str(service.settings.data_dir))
    ids = await something_of_everything(service, receiver)
    key = await made(service, "submit", account=NAME)
    lost = files_of(service, ids)[0]
    lost.unlink()
    target = tmp_path / "archive.tar.gz"

    async def manage(*arguments: str) -> int:
        return await asyncio.to_thread(main, ["accounts", *arguments])

    async def submit() -> None:
        while True:
            await service.client.post("/api/async", headers=bearer(key), json={"payload": {"num_transactions": 1}})

    submitting = asyncio.create_task(submit())
    exported = await manage("export", NAME, "--to", str(target), "--json")
    submitting.cancel()
    told = json.loads(capsys.readouterr().out)
    again = await manage("export", NAME, "--to", str(target))
    nobody = await manage("export", "nobody", "--to", str(tmp_path / "nobody.tar"))
    unsure = await manage("delete", NAME)
    await run_sql(service.settings.database_url, f"{LONG_AGO} WHERE name = '{NAME}'")
    deleted = await manage("delete", NAME, "--yes", "--unfinished", "--json")
    answer = json.loads(capsys.readouterr().out)

    assert (exported, again, nobody, unsure, deleted) == (0, 2, 3, 2, 0)
    assert target.stat().st_mode & 0o777 == 0o600
    assert not target.with_name("archive.tar.gz.part").exists()
    check_archive(target, told, ids)
    assert answer["deleted"]
    assert await nothing_but_notes_of_files(service, ids)


def check_archive(target: Path, told: dict[str, Any], ids: list[str]) -> None:
    with tarfile.open(target) as archive:
        content = {entry.name: archive.extractfile(entry).read() for entry in archive}  # type: ignore[union-attr]
        assert {entry.mode for entry in archive} == {0o600}
    assert next(iter(content)) == "README.txt"
    assert list(content)[-1] == "manifest.json"
    lines: dict[str, list[dict[str, Any]]] = {}
    for name, text in content.items():
        if name.endswith(".jsonl"):
            kind = name.removesuffix(".jsonl").partition("/")[0]
            lines.setdefault(kind, []).extend(map(json.loads, text.splitlines()))
    manifest = json.loads(content["manifest.json"])
    assert {kind: len(found) for kind, found in lines.items()} == {kind: manifest[kind] for kind in lines}
    assert {kind: told[kind] for kind in lines} == {kind: manifest[kind] for kind in lines}
    assert set(ids) <= {row["id"] for kind in ("requests", "batches") for row in lines[kind]}
    assert all(manifest[kind] for kind in lines)
    assert manifest["lost"] == []
    for request in lines["requests"]:
        if request["status"] == "COMPLETED":
            report = content[f"reports/{request['id']}.csv"]
            assert hashlib.sha256(report).hexdigest() == request["result_payload"]["sha256"]
    assert "sha256" not in lines["keys"][0]


async def test_the_account_of_the_operators_key_is_not_deleted_while_that_is_set(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", service.settings.database_url)
    monkeypatch.setenv("BOOTSTRAP_ADMIN_KEY", generate_key())

    assert await asyncio.to_thread(main, ["accounts", "delete", "operator", "--yes"]) == 3
    assert "BOOTSTRAP_ADMIN_KEY" in capsys.readouterr().err
