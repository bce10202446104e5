"""A PostgreSQL of our own under DATA_DIR, so that the service starts without any set-up.

One server uses a folder at a time; several need a PostgreSQL of their own, by DATABASE_URL. Beside it the command line
and workers may connect while it runs. Who owns the folder the kernel knows: it releases a lock even after `kill -9`.

    folder/owner.lock     held (exclusive) by the server that owns the folder, with its pid in it
    folder/cluster, postgres.log    see `cluster`

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

#: A server that is started while another one stops waits for it so long.
OWNER_STOPS_WITHIN_S = 2.0
LOCK_NAME = "owner.lock"
PID_BYTES_MAX = 20
POLL_INTERVAL_S = 0.02
#: The shortest `sun_path` there is (macOS: 104 bytes with the final NUL; Linux has 108).
SOCKET_PATH_BYTES_MAX = 103
#: In a URL and in SQLAlchemy's list of hosts, any other character would need escaping.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


class EmbeddedPostgres:
    """A PostgreSQL server in a folder.

    Args:
        folder: where the database lives, usually `DATA_DIR/postgres`; made when it is missing.
        user_id: who we are; this process' user when missing.
    """

    def __init__(self, folder: Path, user_id: int | None = None) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._cluster = PostgresCluster(self._folder, user_id)
        self._alias: _Alias | None = None
        self._owner_lock: int | None = None
        #: The server is started and stopped by one thread at a time.
        self._turn = threading.Lock()

    def start(self) -> str:
        """Start the server, or take over one whose owner died. Blocks for 0.1 to 2 s; call it in a thread.

        Returns:
            A SQLAlchemy URL for asyncpg. The server behind it has just answered `SELECT 1`.

        Raises:
            NotStarted: another process owns the folder.
            DatabaseAway: PostgreSQL could not be started; the sentence says what to do.
        """
        if self._owner_lock is None:
            try:
                self._own()
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise DatabaseAway(f"PostgreSQL cannot use DATA_DIR/postgres: {reason}.") from error
            # A second Ctrl-C, or a failure on the way up, can skip the caller's own stop().
            atexit.register(self.stop)
        return self.url

    def attach(self) -> str:
        """Use the server that another process owns, as a client: it is neither started nor stopped here.

        Returns:
            Its URL.

        Raises:
            NotStarted: no process owns the folder.
        """
        if not self._is_owned():
            raise NotStarted("No server runs on this DATA_DIR: start it first, or set DATABASE_URL.")
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
        with self._turn:
            if self._owner_lock is not None:
                self._cluster.ensure_running(self._socket_folder())

    def stop(self) -> None:
        """Stop the server if it is ours. Blocks for 12 s at most; a second call does nothing."""
        with self._turn:
            owner_lock, self._owner_lock = self._owner_lock, None
            if owner_lock is not None:
                atexit.unregister(self.stop)
                self._stop(owner_lock)
            self._forget_alias()

    def _own(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._cluster.claim()  # first, because whoever may not use the data may not open the lock either
        owner_lock = _owned(self._folder / LOCK_NAME)
        try:
            self._cluster.claim()
            self._cluster.create()
            self._cluster.ensure_running(self._socket_folder())
        except BaseException:
            self._stop(owner_lock)
            self._forget_alias()
            raise
        self._owner_lock = owner_lock

    def _stop(self, owner_lock: int) -> None:
        try:
            if not self._cluster.stop():
                logger.error("PostgreSQL did not stop; its log is DATA_DIR/postgres/postgres.log.")
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

    def _forget_alias(self) -> None:
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


def _owned(path: Path) -> int:
    """Take the folder's lock, and write who we are into it.

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
                    " let several servers share a PostgreSQL of yours by DATABASE_URL."
                ) from None
            time.sleep(POLL_INTERVAL_S)
        else:
            return
