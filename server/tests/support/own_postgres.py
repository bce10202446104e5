"""A PostgreSQL of a test's own that may be made to crash, through the tools that run the embedded one."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped] # ships no types

from src.postgres_cluster import PORT, PostgresCluster
from tests.support.databases import folder_for_postgres


class OwnPostgres:
    """A server in a folder. Everything blocks: call it in a thread.

    Args:
        folder: short enough for a socket.
    """

    def __init__(self, folder: Path) -> None:
        self._cluster = PostgresCluster(folder)
        self.url = f"postgresql+asyncpg://postgres:@/postgres?host={self._cluster.data_folder}&port={PORT}"

    def start(self) -> None:
        """Start it, the first time with a new data folder, and wait until it answers."""
        self._cluster.claim()
        self._cluster.create()
        self._cluster.ensure_running(self._cluster.data_folder)

    def crash(self, how: signal.Signals) -> None:
        """End it without a shutdown: SIGQUIT as `pg_ctl stop -m immediate`, or SIGKILL; returns when it is gone."""
        pid = int((self._cluster.data_folder / "postmaster.pid").read_text().split("\n", 1)[0])
        server = psutil.Process(pid)
        assert server.cwd() == str(self._cluster.data_folder)
        family = [server, *server.children(recursive=True)]
        os.kill(pid, how)
        psutil.wait_procs(family, timeout=10)

    def stop(self) -> None:
        """Stop it in order."""
        with suppress(FileNotFoundError):
            self._cluster.stop()


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Run one for the length of a `with` block."""
    with folder_for_postgres() as folder:
        postgres = OwnPostgres(folder.resolve())
        try:
            postgres.start()
            yield postgres
        finally:
            postgres.stop()
