"""What is deleted in the database is deleted in the store, whatever statement did it and whatever happens between."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from src.services.report_files.production import produce
from src.services.report_files.storage import StoredFile
from src.services.report_generator import ReportParameters
from src.services.requests.report_removal import SWEEPS_EVERY_S
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.s3 import S3Server
from tests.support.service import Service

PARAMETERS = ReportParameters(1, "late", 1, date(2026, 1, 1), date(2026, 2, 1), "USD")


@pytest.fixture(params=["folder", "s3"])
async def service(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], request: pytest.FixtureRequest
) -> AsyncIterator[Service]:
    settings: dict[str, Any] = {}
    if request.param == "s3":
        s3: S3Server = request.getfixturevalue("s3")
        settings = s3.settings(f"removal/{uuid4()}")
    async with run_service(**settings) as service:
        yield service


async def made(service: Service) -> dict[str, Any]:
    result: dict[str, Any] = (await service.client.post("/api/sync", json={})).json()
    return result


def is_stored(service: Service, result: dict[str, Any]) -> bool:
    expected = StoredFile(result["file_size_bytes"], result["sha256"])
    report = service.parts.storage.open(UUID(result["request_id"]), expected)
    if report is not None:
        report.close()
    return report is not None


async def notes(service: Service) -> list[bool]:
    """Of each note whether it is to be obeyed twice."""
    rows = await fetch(service.settings.database_url, "SELECT again FROM files_to_delete")
    return [row["again"] for row in rows]


async def make_due(service: Service) -> None:
    later = "UPDATE files_to_delete SET due_at = due_at - interval '2 minutes'"
    await run_sql(service.settings.database_url, later)


async def test_a_deleted_request_takes_its_report_along_and_its_note_in_the_end(service: Service) -> None:
    result = await made(service)
    before = is_stored(service, result)
    await service.client.delete(f"/api/requests/{result['request_id']}")
    after, noted = is_stored(service, result), await notes(service)
    await make_due(service)
    await service.parts.removal.sweep()

    assert (before, after) == (True, False)
    assert noted == [False]
    assert await notes(service) == []


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM requests WHERE id = '{id}'", "DELETE FROM requests WHERE id IN (SELECT id FROM requests)"],
)
async def test_whatever_statement_deletes_a_request_its_report_goes_with_the_next_sweep(
    service: Service, statement: str
) -> None:
    """As when the process dies between the two."""
    result = await made(service)
    await run_sql(service.settings.database_url, statement.format(id=result["request_id"]))
    before = is_stored(service, result)
    await service.parts.removal.sweep()

    assert before
    assert not is_stored(service, result)
    assert SWEEPS_EVERY_S < 60


async def test_a_deletion_that_is_rolled_back_leaves_no_note(service: Service) -> None:
    result = await made(service)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await run_sql(service.settings.database_url, "DELETE FROM requests; SELECT 1 / 0")
    await service.parts.removal.sweep()

    assert is_stored(service, result)
    assert await notes(service) == []


async def test_a_write_that_lands_after_the_deletion_is_deleted_as_well(service: Service) -> None:
    result = await made(service)
    await service.client.delete(f"/api/requests/{result['request_id']}")
    produce(UUID(result["request_id"]), PARAMETERS, service.parts.storage)
    await make_due(service)
    await service.parts.removal.sweep()

    assert [ids for ids in service.parts.storage.stored_ids(10) if ids] == []
    assert not is_stored(service, result)


async def test_deleting_everything_notes_everything(service: Service) -> None:
    results = [await made(service) for _ in range(5)]
    answer = await service.client.delete("/api/requests")

    assert answer.json()["count"] == 5
    assert [is_stored(service, result) for result in results] == [False] * 5
    assert await notes(service) == [False] * 5


async def test_while_the_store_refuses_a_request_is_deleted_all_the_same_and_its_report_later(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], tmp_path: Path
) -> None:
    folder = tmp_path / "mounted"
    async with run_service(storage_url=f"file://{folder}") as service:
        result = await made(service)
        report = folder / result["file_name"]
        content = report.read_bytes()
        report.unlink()
        report.mkdir()  # what cannot be unlinked
        answer = await service.client.delete(f"/api/requests/{result['request_id']}")
        noted = await notes(service)
        report.rmdir()
        report.write_bytes(content)
        await service.parts.removal.sweep()

        assert (answer.status_code, noted) == (200, [True])
        assert not report.exists()
        assert not service.settings.reports_folder.exists()
