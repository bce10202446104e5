"""The embedded PostgreSQL: it answers, has one owner, outlives every kind of death, and leaves nothing behind."""

import asyncio
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import psutil  # type: ignore[import-untyped] # ships no types
import pytest
from sqlalchemy.engine import make_url

from src.errors import DatabaseAway, NotStarted
from src.postgres.cluster import PostgresCluster
from src.postgres.embedded import EmbeddedPostgres
from tests.support.waiting import eventually

SERVER_FOLDER = Path(__file__).parents[2]
WAIT_TIMEOUT_S = 10
ONE_SERVICE = """
import sys
from pathlib import Path
from src.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path: whenever another pytest starts, it closes the folder above to everybody but its owner,
    # and a PostgreSQL started by root runs as a user of its own, who must pass through.
    with TemporaryDirectory(prefix="postgres-test-", ignore_cleanup_errors=True) as home:
        yield Path(home)


@pytest.fixture
def empty_folder(home: Path) -> Iterator[Path]:
    folder = home / "postgres"
    yield folder
    assert PostgresCluster(folder).stop()


@pytest.fixture(scope="module")
def made_database() -> Iterator[Path]:
    with TemporaryDirectory(prefix="postgres-test-") as home:
        server = EmbeddedPostgres(Path(home))
        server.start()
        server.stop()
        yield Path(home, "cluster")


@pytest.fixture
def folder(empty_folder: Path, made_database: Path) -> Path:
    shutil.copytree(made_database, empty_folder / "cluster")
    return empty_folder


async def start(folder: Path) -> tuple[EmbeddedPostgres, str]:
    server = EmbeddedPostgres(folder)
    return server, await asyncio.to_thread(server.start)


async def ask(url: str, sql: str) -> Any:
    _, arguments = make_url(url).get_dialect()().create_connect_args(make_url(url))
    connection = await asyncpg.connect(**arguments, timeout=WAIT_TIMEOUT_S)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def start_service(folder: Path) -> tuple[Process, str]:
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ONE_SERVICE, folder, cwd=SERVER_FOLDER, stdin=PIPE, stdout=PIPE
    )
    assert service.stdout is not None
    return service, (await service.stdout.readline()).decode().strip()


async def stop_service(service: Process) -> None:
    await asyncio.wait_for(service.communicate(b""), WAIT_TIMEOUT_S)
    assert service.returncode == 0


async def kill_service(service: Process) -> None:
    service.kill()
    await service.communicate(b"")


def postmaster(folder: Path) -> int:
    return int((folder / "cluster" / "postmaster.pid").read_text().split("\n")[0])


def is_alive(pid: int) -> bool:
    """A process that nobody has waited for yet is dead all the same."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def test_a_started_server_answers_and_a_stopped_one_leaves_no_process(empty_folder: Path) -> None:
    server, url = await start(empty_folder)
    family = psutil.Process(postmaster(empty_folder))
    pids = [family.pid, *(child.pid for child in family.children(recursive=True))]

    assert await ask(url, "SELECT 40 + 2") == 42
    await asyncio.to_thread(server.stop)

    assert len(pids) > 1
    assert not any(is_alive(pid) for pid in pids)
    await asyncio.to_thread(server.stop)  # a second time does nothing


async def test_the_server_is_durable_takes_200_connections_and_is_deaf_to_the_network(folder: Path) -> None:
    _, url = await start(folder)

    shown = [await ask(url, f"SHOW {name}") for name in ("fsync", "max_connections", "listen_addresses")]
    connections = psutil.Process(postmaster(folder)).net_connections(kind="inet")

    assert shown == ["on", "200", ""]
    assert connections == []
    assert (folder / "cluster").stat().st_mode & 0o077 == 0


async def test_a_second_server_is_refused_in_one_sentence_and_leaves_the_first_alone(folder: Path) -> None:
    service, url = await start_service(folder)
    with pytest.raises(NotStarted) as refused:
        await start(folder)

    assert f"pid {service.pid} " in refused.value.detail
    assert "DATABASE_URL" in refused.value.detail
    assert "\n" not in refused.value.detail
    assert await ask(url, "SELECT 1") == 1
    await stop_service(service)


async def test_a_server_that_is_started_while_another_one_stops_waits_for_it(folder: Path) -> None:
    service, _ = await start_service(folder)
    assert service.stdin is not None
    service.stdin.close()
    server, url = await start(folder)

    assert await ask(url, "SELECT 1") == 1
    await asyncio.to_thread(server.stop)
    assert await service.wait() == 0


async def test_a_client_is_attached_while_the_server_runs_and_neither_stops_nor_outlives_it(folder: Path) -> None:
    client = EmbeddedPostgres(folder)
    with pytest.raises(NotStarted, match="start it first, or set DATABASE_URL"):
        client.attach()

    service, _ = await start_service(folder)
    url = client.attach()
    assert await ask(url, "SELECT 1") == 1
    client.stop()
    assert await ask(url, "SELECT 1") == 1
    await stop_service(service)
    with pytest.raises(NotStarted):
        client.attach()


async def test_a_server_that_outlived_its_killed_process_is_used_again_and_then_stopped(folder: Path) -> None:
    service, url = await start_service(folder)
    await ask(url, "CREATE TABLE kept AS SELECT 7 AS value")
    orphan = postmaster(folder)

    await kill_service(service)
    assert is_alive(orphan)
    server, url = await start(folder)

    assert postmaster(folder) == orphan
    assert await ask(url, "SELECT value FROM kept") == 7
    await asyncio.to_thread(server.stop)
    assert not is_alive(orphan)


async def test_a_killed_server_comes_back_with_every_committed_row(folder: Path) -> None:
    server, url = await start(folder)
    await ask(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS value")

    os.kill(postmaster(folder), signal.SIGKILL)
    await asyncio.to_thread(server.heal)

    assert await ask(url, "SELECT sum(value) FROM kept") == 500_500


async def test_a_server_without_its_pid_file_is_replaced_before_it_shuts_itself_down(folder: Path) -> None:
    service, url = await start_service(folder)
    await ask(url, "CREATE TABLE kept AS SELECT 7 AS value")
    doomed = postmaster(folder)
    await kill_service(service)
    (folder / "cluster" / "postmaster.pid").unlink()

    _, url = await start(folder)

    assert not is_alive(doomed)
    assert await ask(url, "SELECT value FROM kept") == 7


async def test_a_stale_pid_file_that_names_a_living_process_is_no_obstacle(folder: Path) -> None:
    service, _ = await start_service(folder)
    pid_file = folder / "cluster" / "postmaster.pid"
    stale = pid_file.read_text().replace(str(postmaster(folder)), str(os.getppid()), 1)
    await stop_service(service)
    pid_file.write_text(stale)

    _, url = await start(folder)

    assert await ask(url, "SELECT 1") == 1


async def test_a_path_too_long_for_a_socket_and_hostile_to_a_shell_works(home: Path) -> None:
    folder = home / "my data, $HOME `id` 'é':@" / ("long" * 30)
    server, url = await start(folder)

    assert await ask(url, "SELECT 1") == 1
    alias = Path(str(make_url(url).query["host"]))
    assert len(str(alias)) < 50
    await asyncio.to_thread(server.stop)
    assert not alias.parent.exists()
    assert not (folder / "cluster" / "postmaster.pid").exists()


async def test_a_half_created_database_is_created_anew(empty_folder: Path) -> None:
    half_made = empty_folder / "new-half"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")

    _, url = await start(empty_folder)

    assert await ask(url, "SELECT 1") == 1
    assert not half_made.exists()


async def test_the_callers_own_postgres_variables_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "nowhere", "LC_ALL": "xx_XX"}.items():
        monkeypatch.setenv(name, value)

    _, url = await start(folder)

    assert await ask(url, "SELECT 1") == 1


async def test_a_folder_deleted_under_a_running_server_does_not_keep_it_from_stopping(home: Path) -> None:
    folder = home / "postgres"
    server, _ = await start(folder)
    pid = postmaster(folder)

    while folder.exists():  # the server may be writing
        shutil.rmtree(folder, ignore_errors=True)
    await asyncio.to_thread(server.stop)

    await eventually(lambda: not is_alive(pid))
    assert not is_alive(pid)


async def test_another_users_database_is_refused_in_one_sentence(folder: Path) -> None:
    server, _ = await start(folder)
    await asyncio.to_thread(server.stop)
    stranger = EmbeddedPostgres(folder, user_id=12_345)

    with pytest.raises(DatabaseAway) as refusal:
        await asyncio.to_thread(stranger.start)

    assert "start as the user who created it, or choose another DATA_DIR" in refusal.value.detail
    assert "\n" not in refusal.value.detail


async def test_a_database_of_an_unknown_version_is_refused_and_left_as_it_is(folder: Path) -> None:
    server, _ = await start(folder)
    await asyncio.to_thread(server.stop)
    (folder / "cluster" / "PG_VERSION").write_text("12\n")

    with pytest.raises(DatabaseAway, match="PostgreSQL 12, which created the database in DATA_DIR"):
        await start(folder)

    (folder / "cluster" / "PG_VERSION").write_text("18\n")
    _, url = await start(folder)
    assert await ask(url, "SELECT 1") == 1


async def test_a_folder_that_cannot_be_made_is_refused_in_one_sentence(home: Path) -> None:
    (home / "data").write_text("a file where a folder should be")

    with pytest.raises(DatabaseAway, match=r"^PostgreSQL cannot use DATA_DIR/postgres: Not a directory\.$"):
        await start(home / "data" / "postgres")
