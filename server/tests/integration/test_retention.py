"""What is older than it should be goes, with everything that belongs to it; what is owed stays."""

import os
import time
from datetime import timedelta
from uuid import uuid4

from src.services.benchmarks.leftovers import BenchmarkLeftovers
from src.services.benchmarks.store import ABANDONED_AFTER
from src.services.identity.caller import EVERYTHING
from src.services.report_files.local_folder import UNFINISHED_ABANDONED_AFTER_S
from src.services.upkeep.janitor import Janitor
from tests.support.databases import run_sql
from tests.support.receivers import Receiver
from tests.support.service import Service

AGE = timedelta(days=8)


async def make_older(service: Service) -> None:
    await run_sql(
        service.settings.database_url,
        f"UPDATE requests SET created_at = created_at - interval '{AGE.days} days',"
        f" completed_at = completed_at - interval '{AGE.days} days'",
    )


def janitor(service: Service) -> Janitor:
    parts = service.parts
    removal, batches = parts.removal, parts.batches.changes
    return Janitor(parts.store, parts.storage, removal, batches, retention=timedelta(days=7), now=parts.now)


async def test_old_requests_go_with_their_logs_keys_and_files(service: Service, receiver: Receiver) -> None:
    key = {"X-Idempotency-Key": "k"}
    old = await service.submit(receiver.url, headers=key)
    await service.callback_ended(old["request_id"])
    await make_older(service)
    new = await service.submit(receiver.url)
    await service.callback_ended(new["request_id"])
    await janitor(service).delete_old(service.parts.now() - timedelta(days=7))
    again = await service.submit(receiver.url, headers=key)

    assert (await service.client.get(f"/api/requests/{old['request_id']}")).status_code == 404
    assert (await service.client.get(f"/api/requests/{new['request_id']}")).status_code == 200
    assert not (service.settings.reports_folder / f"{old['request_id']}.csv").exists()
    assert again["request_id"] != old["request_id"]


async def test_a_callback_that_is_owed_keeps_its_request(service: Service, receiver: Receiver) -> None:
    receiver.answer = lambda _number, _callback: None
    accepted = await service.submit(receiver.url)
    await receiver.got(1)
    await make_older(service)
    await janitor(service).delete_old(service.parts.now() - timedelta(days=7))

    assert (await service.client.get(f"/api/requests/{accepted['request_id']}")).status_code == 200


async def test_files_whose_requests_are_gone_are_found_and_deleted(service: Service) -> None:
    result = (await service.client.post("/api/sync", json={})).json()
    folder = service.settings.reports_folder
    orphan, fresh, other = (folder / name for name in (f"{uuid4()}.csv", f"{uuid4()}.csv", "notes.txt"))
    long_ago = time.time() - UNFINISHED_ABANDONED_AFTER_S - 1
    for path in (orphan, fresh, other):
        path.write_text("x")
    for path in (orphan, other, folder / result["file_name"]):
        os.utime(path, (long_ago, long_ago))
    await janitor(service).delete_orphans()

    assert not orphan.exists()
    assert fresh.exists()
    assert other.exists()
    assert (folder / result["file_name"]).exists()


async def test_what_the_benchmark_of_a_dead_process_left_goes_without_anybody_asking(service: Service) -> None:
    benchmarks, dead = service.parts.benchmark_store, uuid4()
    await benchmarks.begin(dead, "sync", {}, service.parts.now() - ABANDONED_AFTER * 2)
    left, mine = [(await service.client.post("/api/sync", json={})).json()["request_id"] for _ in range(2)]
    await run_sql(service.settings.database_url, f"UPDATE requests SET run_id = '{dead}' WHERE id = '{left}'")
    parts = service.parts
    await BenchmarkLeftovers(benchmarks, parts.store, parts.removal, parts.now).clean_up()
    run = await benchmarks.get(dead, EVERYTHING)

    assert run is not None
    assert run.status == "FAILED"
    assert (await service.client.get(f"/api/requests/{left}")).status_code == 404
    assert not (service.settings.reports_folder / f"{left}.csv").exists()
    assert (await service.client.get(f"/api/requests/{mine}")).status_code == 200
