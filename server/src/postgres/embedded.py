"""An embedded PostgreSQL under DATA_DIR, so that the service starts without any setup.

A folder is owned by one server at a time; several servers need a shared PostgreSQL (DATABASE_URL). The command line
and workers may connect while the owner runs. Ownership is a file lock, because the kernel releases it even after
`kill -9`.

    folder/owner.lock     held (exclusive) by the server that owns the folder; contains its pid
    folder/cluster, postgres.log    see `cluster.py`

Linux and macOS. Everything here blocks: call it in a thread, never on an event loop.
"""

import atexit
import fcntl
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path

from src.errors import DatabaseAway, NotStarted
from src.postgres.cluster import PORT, SOCKET_NAME, PostgresCluster

logger = logging.getLogger(__name__)

#: Seconds a starting server waits for another one that is stopping.
OWNER_STOPS_WITHIN_S = 2.0
LOCK_NAME = "owner.lock"
PID_BYTES_MAX = 20
POLL_INTERVAL_S = 0.02
#: Bytes. The shortest `sun_path` of the supported systems (macOS: 104 including the NUL; Linux: 108).
SOCKET_PATH_BYTES_MAX = 103
#: Any other character would need escaping in a URL and in SQLAlchemy's list of hosts.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class EmbeddedPostgres:
    """A PostgreSQL server in a folder.

    Args:
        folder: where the database is stored, usually `DATA_DIR/postgres`; created if it is missing.
        user_id: the current user; defaults to the user of this process.
    """

    def __init__(self, folder: Path, user_id: int | None = None) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._cluster = PostgresCluster(self._folder, user_id)
        self._alias: _Alias | None = None
        self._owner_lock: int | None = None
        #: Serializes starting and stopping between threads.
        self._turn = threading.Lock()

    def start(self) -> str:
        """Start the server, or take over one whose owner died. Blocks for 0.1 to 2 s; call it in a thread.

        Returns:
            A SQLAlchemy URL for asyncpg. The server has just answered `SELECT 1`.

        Raises:
            NotStarted: another process owns the folder.
            DatabaseAway: PostgreSQL could not be started; the message says what to do.
        """
        if self._owner_lock is None:
            try:
                self._own()
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise DatabaseAway(f"PostgreSQL cannot use DATA_DIR/postgres: {reason}.") from error
            # A second Ctrl-C, or an error during startup, can skip the caller's own stop().
            atexit.register(self.stop)
        return self.url

    def attach(self) -> str:
        """Use a server owned by another process as a client, without starting or stopping it.

        Returns:
            Its URL.

        Raises:
            NotStarted: no process owns the folder.
        """
        if not self._is_owned():
            raise NotStarted("No server is running on this DATA_DIR: start it first, or set DATABASE_URL.")
        return self.url

    @property
    def url(self) -> str:
        """The server's URL, once it has been started."""
        return f"postgresql+asyncpg://postgres:@/postgres?host={self._socket_folder()}&port={PORT}"

    def heal(self) -> None:
        """Restart the server if it died. Blocks for up to 2 s; call it in a thread.

        Raises:
            DatabaseAway: PostgreSQL could not be started.
        """
        with self._turn:
            if self._owner_lock is not None:
                self._cluster.ensure_running(self._socket_folder())

    def stop(self) -> None:
        """Stop the server if it is ours. Blocks for up to 12 s. Idempotent."""
        with self._turn:
            owner_lock, self._owner_lock = self._owner_lock, None
            if owner_lock is not None:
                atexit.unregister(self.stop)
                self._stop(owner_lock)
            self._remove_alias()

    def _own(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._cluster.claim()  # before the lock: a user without access to the data cannot open it either
        owner_lock = _acquire(self._folder / LOCK_NAME)
        try:
            self._cluster.claim()
            self._cluster.create()
            self._cluster.ensure_running(self._socket_folder())
        except BaseException:
            self._stop(owner_lock)
            self._remove_alias()
            raise
        self._owner_lock = owner_lock

    def _stop(self, owner_lock: int) -> None:
        try:
            if not self._cluster.stop():
                logger.error("PostgreSQL did not stop; see its log, DATA_DIR/postgres/postgres.log.")
        finally:
            os.close(owner_lock)

    def _is_owned(self) -> bool:
        try:
            lock = os.open(self._folder / LOCK_NAME, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def _remove_alias(self) -> None:
        if self._alias is not None:
            self._alias.remove()
            self._alias = None

    def _socket_folder(self) -> Path:
        """Return the data folder, or a short alias if its path is unsuitable for a socket or a URL."""
        folder = self._cluster.data_folder
        short = len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
        if short and PLAIN_PATH.fullmatch(str(folder)):
            return folder
        if self._alias is None:
            self._alias = _Alias(folder)
        return self._alias.path


class _Alias:
    """A symlink with a short path, private to this process: 0700 and unguessable, so that nobody can replace it.

    Args:
        folder: the target.
    """

    def __init__(self, folder: Path) -> None:
        # Not in TMPDIR, whose path can be as long as the one to shorten.
        self._parent = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self.path = self._parent / "d"
        self.path.symlink_to(folder, target_is_directory=True)
        # systemd deletes what is older than ten days from /tmp, except folders that are locked.
        self._lock = os.open(self._parent, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def remove(self) -> None:
        """Remove the symlink; its target stays."""
        os.close(self._lock)
        shutil.rmtree(self._parent, ignore_errors=True)


def _acquire(path: Path) -> int:
    """Acquire the folder's lock and write our pid into it.

    Raises:
        NotStarted: another process has it.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait_for(lock)
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode("ascii"), 0)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _wait_for(lock: int) -> None:
    # Polling, because a blocking flock has no deadline and cannot be interrupted in a thread.
    deadline = time.monotonic() + OWNER_STOPS_WITHIN_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                pid = os.pread(lock, PID_BYTES_MAX, 0).decode("ascii", "replace")
                raise NotStarted(
                    f"The server with the pid {pid} uses the database in DATA_DIR: stop it, choose another DATA_DIR, or"
                    " set DATABASE_URL to a PostgreSQL that several servers can share."
                ) from None
            time.sleep(POLL_INTERVAL_S)
        else:
            return
