"""A PostgreSQL of our own under DATA_DIR, so that the service starts without any set-up.

Several processes may use it at once. Who does, the kernel knows: it releases a lock even after `kill -9`.

    folder/gate.lock      held (exclusive) while somebody starts or stops the server
    folder/users.lock     held (shared) by every process that uses the server; the last one out stops it
    folder/cluster, postgres.log    see `postgres_cluster`

Linux and macOS. Everything here blocks: call it in a thread, never on an event loop.
"""

import atexit
import fcntl
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import DatabaseAway
from src.postgres.cluster import INITDB_TIMEOUT_S, PORT, SOCKET_NAME, START_TIMEOUT_S, PostgresCluster

logger = logging.getLogger(__name__)

#: Whoever holds the gate may be creating the database or waiting for its recovery.
GATE_TIMEOUT_S = INITDB_TIMEOUT_S + START_TIMEOUT_S
LEAVE_TIMEOUT_S = 2
POLL_INTERVAL_S = 0.02
#: The shortest `sun_path` there is (macOS: 104 bytes with the final NUL; Linux has 108).
SOCKET_PATH_BYTES_MAX = 103
#: In a URL and in SQLAlchemy's list of hosts, any other character would need escaping.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class EmbeddedPostgres:
    """A PostgreSQL server shared by all processes that use the same folder.

    Args:
        folder: where the database lives, usually `DATA_DIR/postgres`; made when it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._cluster = PostgresCluster(self._folder)
        self._alias: _Alias | None = None
        self._users_lock: int | None = None

    def start(self) -> str:
        """Start the server, or join the one that runs already. Blocks for 0.1 to 2 s; call it in a thread.

        Returns:
            A SQLAlchemy URL for asyncpg. The server behind it has just answered `SELECT 1`.

        Raises:
            DatabaseAway: PostgreSQL could not be started; the sentence says what to do.
        """
        if self._users_lock is None:
            try:
                self._join()
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise DatabaseAway(f"PostgreSQL cannot use DATA_DIR/postgres: {reason}.") from error
            # A second Ctrl-C, or a failure on the way up, can skip the caller's own stop().
            atexit.register(self.stop)
        return self.url

    @property
    def url(self) -> str:
        """Where the server is, once it has been started."""
        return f"postgresql+asyncpg://postgres:@/postgres?host={self._socket_folder()}&port={PORT}"

    def heal(self) -> None:
        """Start the server again if it died. Blocks for up to 2 s; call it in a thread.

        Raises:
            DatabaseAway: PostgreSQL could not be started.
        """
        with _locked(self._folder / "gate.lock", GATE_TIMEOUT_S):
            if self._users_lock is not None:
                self._cluster.ensure_running(self._socket_folder())

    def stop(self) -> None:
        """Leave; the last one out stops the server. Blocks for 12 s at most; a second call does nothing."""
        if self._users_lock is None:
            return
        users_lock, self._users_lock = self._users_lock, None
        atexit.unregister(self.stop)
        try:
            with _locked(self._folder / "gate.lock", LEAVE_TIMEOUT_S):
                self._leave(users_lock)
        except FileNotFoundError:  # the folder was deleted under us, with the gate in it
            self._leave(users_lock)
        except DatabaseAway:
            logger.warning("PostgreSQL is left running: another process is just starting with it.")
        finally:
            self._let_go(users_lock)

    def _join(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._cluster.claim()  # first, because whoever may not use the data may not open the gate either
        with _locked(self._folder / "gate.lock", GATE_TIMEOUT_S):
            users_lock = _open_lock(self._folder / "users.lock")
            fcntl.flock(users_lock, fcntl.LOCK_SH)
            try:
                self._cluster.claim()
                self._cluster.create()
                self._cluster.ensure_running(self._socket_folder())
            except BaseException:
                self._leave(users_lock)
                self._let_go(users_lock)
                raise
            self._users_lock = users_lock

    def _leave(self, users_lock: int) -> None:
        """Stop the server when nobody else uses it. The gate must be held."""
        try:
            fcntl.flock(users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not self._cluster.stop():
            logger.error("PostgreSQL did not stop; its log is DATA_DIR/postgres/postgres.log.")

    def _let_go(self, users_lock: int) -> None:
        os.close(users_lock)
        if self._alias is not None:
            self._alias.remove()
            self._alias = None

    def _socket_folder(self) -> Path:
        """The data folder, or a short plain alias when its path would not do for a socket or a URL."""
        folder = self._cluster.data_folder
        short = len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX
        if short and PLAIN_PATH.fullmatch(str(folder)):
            return folder
        if self._alias is None:
            self._alias = _Alias(folder)
        return self._alias.path


class _Alias:
    """A short path to a folder, for this process alone: 0700 and not to be guessed, so nobody can swap it.

    Args:
        folder: where the path leads.
    """

    def __init__(self, folder: Path) -> None:
        # Not in TMPDIR, which can be as long as the path we want to shorten.
        self._parent = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        self.path = self._parent / "d"
        self.path.symlink_to(folder, target_is_directory=True)
        # systemd clears /tmp of what is ten days old, but not where somebody holds a lock.
        self._lock = os.open(self._parent, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_SH)

    def remove(self) -> None:
        """Take the path away; what it led to stays."""
        os.close(self._lock)
        shutil.rmtree(self._parent, ignore_errors=True)


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


@contextmanager
def _locked(path: Path, timeout_s: float) -> Iterator[None]:
    """Hold an exclusive lock.

    Raises:
        DatabaseAway: somebody else still holds it after `timeout_s` seconds.
    """
    lock = _open_lock(path)
    try:
        _wait_for(lock, timeout_s)
        yield
    finally:
        os.close(lock)


def _wait_for(lock: int, timeout_s: float) -> None:
    # Polling, because a blocking flock has no deadline and cannot be interrupted in a thread.
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise DatabaseAway("Another process has been starting PostgreSQL for too long.") from None
            time.sleep(POLL_INTERVAL_S)
        else:
            return
