"""Moving reports from one store to another without a stop: nothing is lost, and what was done is not done again."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from src.config import SERVER_FOLDER
from src.errors import NotStarted
from tests.support.manage import runner
from tests.support.s3 import S3Server
from tests.support.service import Service

RunService = Callable[..., AbstractAsyncContextManager[Service]]


async def manage(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Run the command line as an operator does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "src.manage", *arguments),
        cwd=SERVER_FOLDER,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def made(service: Service, count: int) -> list[dict[str, Any]]:
    return [(await service.client.post("/api/sync", json={"report_name": f"n{n}"})).json() for n in range(count)]


async def sha256_of(service: Service, result: dict[str, Any]) -> str:
    answer = await service.client.get(result["download_url"])
    if answer.status_code == 302:
        async with httpx.AsyncClient() as client:
            answer = await client.get(answer.headers["location"])
    return hashlib.sha256(answer.content).hexdigest()


async def test_reports_move_from_a_folder_to_s3_while_the_server_goes_on(
    run_service: RunService, s3: S3Server, database_url: str, tmp_path: Path
) -> None:
    prefix, old = f"moved/{uuid4()}", tmp_path / "data" / "reports"
    async with run_service() as service:
        results = await made(service, 5)
    (old / results[0]["file_name"]).unlink()
    (old / results[1]["file_name"]).write_bytes(b"damaged")
    environment = s3.environment(prefix, database_url=database_url, data_dir=tmp_path / "data")
    fallback = f"file://{old}"
    async with run_service(**s3.settings(prefix), storage_fallback_url=fallback) as service:
        results += await made(service, 1)
        await service.client.delete(f"/api/requests/{results.pop(4)['request_id']}")
        before = [await sha256_of(service, result) for result in results]
        there = s3.stored(prefix)
        moved = await manage("storage", "move", "--json", **environment, STORAGE_FALLBACK_URL=fallback)
        again = await manage("storage", "move", "--json", "--from", fallback, **environment)
        words = await manage("storage", "move", "--from", fallback, **environment)
    left = sorted(path.name for path in old.iterdir())
    async with run_service(**s3.settings(prefix)) as service:
        after = [await sha256_of(service, result) for result in results]

    assert before == after == [result["sha256"] for result in results]
    # What the old store had lost was made again in the new one at its first download, and not by the move.
    assert there == sorted(result["file_name"] for result in (results[0], results[1], results[4]))
    assert moved[0] == 0, moved[2]
    assert json.loads(moved[1].splitlines()[-1]) == {
        "total": 5, "copied": 2, "made_again": 0, "there_before": 3, "deleted": 0,
    }  # fmt: skip
    assert json.loads(again[1].splitlines()[-1])["there_before"] == 5
    assert words[1].splitlines()[-1] == "5 of 5 reports: 0 copied, 0 made again, 5 there before, 0 deleted meanwhile"
    assert s3.stored(prefix) == sorted(result["file_name"] for result in results)
    assert len(left) == 4


async def test_what_the_old_store_has_lost_is_made_again_by_the_move(
    run_service: RunService, s3: S3Server, database_url: str, tmp_path: Path
) -> None:
    old, new = f"moved/{uuid4()}", tmp_path / "new"
    async with run_service(**s3.settings(old)) as service:
        results = await made(service, 3)
        lost = s3.client(old)
        lost.delete(results[0]["file_name"])
    environment = s3.environment(old, database_url=database_url, data_dir=tmp_path / "data")
    target = {"STORAGE_URL": f"file://{new}"}
    status, out, err = await manage(
        "storage", "move", "--json", "--from", environment["STORAGE_URL"], **{**environment, **target}
    )
    async with run_service(storage_url=target["STORAGE_URL"]) as service:
        after = [await sha256_of(service, result) for result in results]

    assert status == 0, err
    progress = json.loads(out.splitlines()[-1])
    assert (progress["copied"], progress["made_again"]) == (2, 1)
    assert after == [result["sha256"] for result in results]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name the old store, other than STORAGE_URL"),
        (["--from", "file:///there"], "Name the old store, other than STORAGE_URL"),
        (["--from", "ftp://elsewhere"], "write file:///folder or s3://bucket/prefix"),
    ],
)
def test_a_move_that_cannot_be_meant_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("STORAGE_URL", "file:///there")
    status, _, err = runner(capsys, "storage")("move", *arguments)

    assert status == 2
    assert words in err


async def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    settings = {"STORAGE_URL": f"file://{tmp_path / 'new'}", "DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": ""}
    status, _, err = await manage("storage", "move", "--from", f"file://{tmp_path}", **settings)

    assert status == 3
    assert "There is no database under DATA_DIR" in err
    assert not (tmp_path / "data").exists()


async def test_the_command_line_explains_itself() -> None:
    status, out, _ = await manage("storage", "move", "--help")

    assert status == 0
    assert "STORAGE_FALLBACK_URL" in out
    assert "--json" in out


async def test_a_fallback_that_is_not_there_is_told_at_the_start(run_service: RunService, tmp_path: Path) -> None:
    with pytest.raises(NotStarted) as refused:
        async with run_service(storage_fallback_url=f"file://{tmp_path / 'nowhere'}"):
            raise AssertionError

    assert refused.value.detail == "STORAGE_FALLBACK_URL: No such file or directory."
