"""Reports in a local or mounted folder."""

import errno
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from uuid import UUID, uuid4

from src.services.report_files.private_folders import make_private
from src.services.report_files.storage import (
    CheckedReports,
    StorageState,
    StoredFile,
    file_name,
    not_stored,
    request_of,
)

#: An unfinished file that is older was left by a process that died; no report takes so long to write.
UNFINISHED_ABANDONED_AFTER_S = 3600
#: A younger report is never listed as a possible orphan: its writer may not have checked yet whether the request
#: still exists.
SETTLED_AFTER_S = 60
#: The probe for free space writes so many bytes, at most once per interval.
PROBE_BYTES = 8_192
PROBED_EVERY_S = 1.0
#: Size of one read, and so the memory per download.
READ_BYTES = 256 * 1024


class LocalReport:
    """A file that is open for reading.

    Args:
        file: closed by `close`.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def chunks(self, first: int, length: int) -> Iterator[bytes]:
        """Read from the descriptor, which stays valid if the file is replaced or deleted."""
        at, end = first, first + length
        while at < end:
            chunk = os.pread(self._file.fileno(), min(READ_BYTES, end - at), at)
            if not chunk:
                raise OSError("a report's file was truncated by another program")
            at += len(chunk)
            yield chunk

    def link(self, valid_s: int) -> str | None:  # noqa: ARG002  only this server serves the folder
        return None

    def close(self) -> None:
        self._file.close()


class LocalFolder:
    """A folder of reports. Files are a cache of what can be generated again, so nothing here calls fsync.

    (A new 4 kB file costs about 66 µs, with fsync about 461 µs.)

    Args:
        folder: created with mode 0700 if missing.
    """

    is_quick = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state: StorageState | None = None
        self._looked_at_s = 0.0
        self._checked = CheckedReports()

    def prepare(self) -> None:
        """Create the folder (0700), and delete unfinished files of crashed processes."""
        make_private(self._folder)
        self.clear_unfinished()

    def clear_unfinished(self) -> None:
        """Delete unfinished files of crashed processes."""
        abandoned_before = time.time() - UNFINISHED_ABANDONED_AFTER_S
        for part in self._folder.glob("*.part"):
            with suppress(FileNotFoundError):  # finished meanwhile
                if part.stat().st_mtime < abandoned_before:
                    part.unlink()

    def _path(self, request_id: UUID) -> Path:
        return self._folder / file_name(request_id)

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:  # noqa: ARG002  a file has no headers
        """Write to a temporary file, then rename it: a reader sees the complete report or the previous one."""
        unfinished = self._folder / f"{request_id}.{uuid4().hex}.part"
        digest = hashlib.sha256()
        size_bytes = 0
        try:
            with FileIO(unfinished, "xb", opener=_open_new) as file:
                for chunk in chunks:
                    digest.update(chunk)
                    size_bytes += _write_all(file.fileno(), chunk)
            unfinished.replace(self._path(request_id))
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return StoredFile(size_bytes, digest.hexdigest())

    def open(self, request_id: UUID, expected: StoredFile) -> LocalReport | None:
        """Open a report's file if it is intact; later writes and deletes do not affect the open file."""
        file = _open_regular(self._path(request_id))
        if file is None:
            return None
        try:
            is_intact = self._is_intact(file, request_id, expected)
        except BaseException:
            file.close()
            raise
        if is_intact:
            return LocalReport(file)
        file.close()
        return None

    def _is_intact(self, file: FileIO, request_id: UUID, expected: StoredFile) -> bool:
        found = os.fstat(file.fileno())
        state = (found.st_ino, found.st_mtime_ns, expected.sha256)
        if found.st_size != expected.size_bytes:
            return False
        if self._checked.has(request_id, state):
            return True
        if hashlib.file_digest(file, "sha256").hexdigest() != expected.sha256:
            return False
        self._checked.add(request_id, state)
        return True

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        """Whether a regular file of this size exists."""
        try:
            found = self._path(request_id).lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size_bytes

    def delete(self, request_ids: Iterable[UUID]) -> None:
        for request_id in request_ids:
            self._checked.forget(request_id)
            self._path(request_id).unlink(missing_ok=True)

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        settled_before = time.time() - SETTLED_AFTER_S
        found: list[UUID] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if (request_id := request_of(entry.name)) and _changed_before(entry, settled_before):
                    found.append(request_id)
                if len(found) == together:
                    yield found
                    found = []
        yield found

    def state(self) -> StorageState:
        """Write and delete a small file, at most once per `PROBED_EVERY_S`.

        Permissions and free space alone do not prove that a report can be stored.
        """
        now_s = time.monotonic()
        if self._state is None or now_s - self._looked_at_s > PROBED_EVERY_S:
            self._state, self._looked_at_s = self._probed(), now_s
        return self._state

    def _probed(self) -> StorageState:
        probe = self._folder / f"probe.{uuid4().hex}.part"
        try:
            with probe.open("xb", buffering=0) as file:
                _write_all(file.fileno(), bytes(PROBE_BYTES))
        except OSError as error:
            trouble = not_stored(error)
            return StorageState(writable=False, free_bytes=self._free_bytes(), kind="folder", trouble=trouble)
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
        return StorageState(writable=True, free_bytes=self._free_bytes(), kind="folder", trouble=None)

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return 0


def _changed_before(entry: os.DirEntry[str], moment_s: float) -> bool:
    try:
        return entry.stat(follow_symlinks=False).st_mtime < moment_s
    except FileNotFoundError:  # deleted meanwhile
        return False


def _open_new(path: str, _flags: int) -> int:
    """Create a file with mode 0600, whatever the umask is."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _open_regular(path: Path) -> FileIO | None:
    """Open a file for reading; None if it is missing or not a regular file (a symbolic link, for example)."""
    try:
        # O_NONBLOCK: opening a named pipe in a report's place would otherwise block until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            return None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return FileIO(descriptor, "rb")


def _write_all(descriptor: int, data: bytes) -> int:
    written = 0
    view = memoryview(data)
    while written < len(data):
        written += os.write(descriptor, view[written:])
    return written
