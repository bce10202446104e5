"""A start that fails is one sentence that says what to mend: no traceback, nothing cut off, a status by its cause."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from src.config import SERVER_FOLDER
from src.services.delivery.signing_secrets import FILE_NAME
from tests.support.databases import create_database, run_sql
from tests.support.ports import free_port
from tests.support.processes import failed_start, server_process

ENDS_WITHIN_S = 60
WRONG_SETTING, NOT_STARTED = 2, 3


def start(data_dir: Path, **settings: str) -> tuple[int, str]:
    return failed_start(DATA_DIR=str(data_dir), **settings)


def start_in(folder: Path, data_dir: Path, **settings: str) -> tuple[int, str]:
    """Start the service from a folder; returns its exit status and what it said."""
    ended = subprocess.run(
        [sys.executable, "-m", "src"],
        cwd=folder,
        env={"PATH": os.defpath, "DATA_DIR": str(data_dir), "PORT": str(free_port()), **settings},
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    return ended.returncode, ended.stderr


def is_one_sentence(said: str) -> bool:
    return said.count("\n") == 1 and said.endswith(".\n") and "Traceback" not in said and len(said) < 500


async def test_a_database_of_a_newer_release_is_named_with_its_revision(postgres: str, tmp_path: Path) -> None:
    url = await create_database(postgres)
    await run_sql(url, "UPDATE alembic_version SET version_num = '0099'")
    status, said = start(tmp_path, DATABASE_URL=url)

    assert (status, is_one_sentence(said)) == (NOT_STARTED, True), said
    assert "revision 0099" in said
    assert "start the newer release" in said


async def test_a_secret_file_without_a_secret_says_how_to_get_one(database_url: str, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    status, said = start(tmp_path, DATABASE_URL=database_url)

    assert (status, is_one_sentence(said)) == (NOT_STARTED, True), said
    assert f"{tmp_path / FILE_NAME} contains no signing secret" in said
    assert (tmp_path / FILE_NAME).read_bytes() == b""


@pytest.mark.parametrize(
    ("url", "status", "named"),
    [
        ("postgres://u:hush@127.0.0.1:1/d?sslmode=require&channel_binding=require", NOT_STARTED, "nothing listens on"),
        ("postgresql://u:hush@127.0.0.1/d?pgbouncer=true", WRONG_SETTING, "there is no parameter pgbouncer"),
    ],
)
def test_a_database_url_that_leads_nowhere_is_told_without_its_password(
    tmp_path: Path, url: str, status: int, named: str
) -> None:
    ended, said = start(tmp_path, DATABASE_URL=url)

    assert (ended, is_one_sentence(said)) == (status, True), said
    assert named in said
    assert said.startswith("DATABASE_URL")
    assert "hush" not in said


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    shutil.copytree(SERVER_FOLDER / "src", tmp_path / "server" / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "server" / ".env").write_bytes(b"PORT=8000\n\xff\xfe=1\n")
    status, said = start_in(tmp_path / "server", tmp_path / "data")

    assert (status, is_one_sentence(said)) == (WRONG_SETTING, True), said
    assert ".env" in said


@pytest.mark.parametrize("name", ["data/reports", "data/postgres"])
def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    status, said = start(tmp_path / "data")

    assert (status, is_one_sentence(said)) == (NOT_STARTED, True), said
    assert path.name in said or "DATA_DIR" in said


def test_a_cluster_of_a_version_that_is_not_here_is_named(data_dir: Path) -> None:
    cluster = data_dir / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("12\n")
    status, said = start(data_dir)

    assert (status, is_one_sentence(said)) == (NOT_STARTED, True), said
    assert "PostgreSQL 12" in said


def test_a_damaged_cluster_ends_in_a_sentence_below_the_words_of_postgresql(data_dir: Path) -> None:
    cluster = data_dir / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("18\n")
    status, said = start(data_dir)

    assert status == NOT_STARTED
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("PostgreSQL's pg_ctl failed")


def test_a_second_server_on_an_embedded_database_is_told_who_uses_it(data_dir: Path) -> None:
    with server_process(data_dir) as first:
        status, said = start(data_dir)

        assert (status, is_one_sentence(said)) == (NOT_STARTED, True), said
        assert f"pid {first.pid} " in said
        assert "DATABASE_URL" in said
