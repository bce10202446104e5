"""A separate PostgreSQL that a test may crash, run with the tools of the embedded one."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no types

from src.postgres.cluster import PORT, PostgresCluster
from tests.support.databases import folder_for_postgres, run_sql


class OwnPostgres:
    """A server in a folder. Everything blocks: call it in a thread.

    Args:
        folder: short enough for a socket.
    """

    def __init__(self, folder: Path) -> None:
        self._cluster = PostgresCluster(folder)
        self.url = f"postgresql+asyncpg://postgres:@/postgres?host={self._cluster.data_folder}&port={PORT}"

    @property
    def data_folder(self) -> Path:
        """Where its files are."""
        return self._cluster.data_folder

    def start(self) -> None:
        """Start it, the first time with a new data folder, and wait until it answers."""
        self.create()
        self._cluster.ensure_running(self._cluster.data_folder)

    def create(self) -> None:
        """Create its data folder, if missing."""
        self._cluster.claim()
        self._cluster.create()

    def add_file(self, name: str, content: bytes) -> Path:
        """Add a private file, owned by its user, to its data folder."""
        path = self.data_folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        owner = self.data_folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        return path

    async def configure(self, **settings: str) -> None:
        """Change settings of the whole server, including existing sessions."""
        changes = [f"ALTER SYSTEM SET {name} = '{value}'" for name, value in settings.items()]
        await run_sql(self.url, "SET default_transaction_read_only = off", *changes, "SELECT pg_reload_conf()")
        await asyncio.sleep(0.1)  # each session takes it over before its next statement

    def crash(self, how: signal.Signals) -> None:
        """End it without a shutdown: SIGQUIT as `pg_ctl stop -m immediate`, or SIGKILL; returns when it is gone."""
        pid = int((self._cluster.data_folder / "postmaster.pid").read_text().split("\n", 1)[0])
        server = psutil.Process(pid)
        assert server.cwd() == str(self._cluster.data_folder)
        family = [server, *server.children(recursive=True)]
        os.kill(pid, how)
        psutil.wait_procs(family, timeout=10)

    def stop(self) -> None:
        """Stop it gracefully."""
        with suppress(FileNotFoundError):
            self._cluster.stop()


@contextmanager
def own_postgres(*, start: bool = True) -> Iterator[OwnPostgres]:
    """Run one in a `with` block."""
    with folder_for_postgres() as folder:
        postgres = OwnPostgres(folder.resolve())
        try:
            if start:
                postgres.start()
            yield postgres
        finally:
            postgres.stop()
