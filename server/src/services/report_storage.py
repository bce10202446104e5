"""Report files: written whole or not at all, named by the request id alone."""

import hashlib
import os
import re
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from uuid import UUID, uuid4

from src.services.private_folders import make_private

#: An unfinished file that is older was left by a process that died; no report takes so long to write.
UNFINISHED_ABANDONED_AFTER_S = 3600
#: How many files are remembered as checked, so that a download need not hash what has not changed.
CHECKED_FILES_MAX = 10_000

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a file must be: its size in bytes and its SHA-256 in hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StorageState:
    """Whether reports can be written now, and how many bytes are free."""

    writable: bool
    free_bytes: int


class ReportStorage:
    """A folder of reports. Files are a cache of what can be generated again, so nothing here calls fsync.

    (A new 4 kB file costs about 66 µs, with fsync about 461 µs.) Every method blocks for as long as the disk
    takes and may be called from any thread. All raise OSError when the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._checked: OrderedDict[UUID, tuple[int, int, str]] = OrderedDict()

    def prepare(self) -> None:
        """Create the folder, for this user alone, and clear away unfinished files of processes that died."""
        make_private(self._folder)
        abandoned_before = time.time() - UNFINISHED_ABANDONED_AFTER_S
        for part in self._folder.glob("*.part"):
            if part.stat().st_mtime < abandoned_before:
                part.unlink(missing_ok=True)

    def path(self, request_id: UUID) -> Path:
        """Where the report of a request is, or would be."""
        return self._folder / file_name(request_id)

    def write(self, request_id: UUID, chunks: Iterable[bytes]) -> StoredFile:
        """Write a report. A reader sees all of it or what was there before."""
        unfinished = self._folder / f"{request_id}.{uuid4().hex}.part"
        digest = hashlib.sha256()
        size_bytes = 0
        try:
            with FileIO(unfinished, "xb", opener=_open_new) as file:
                for chunk in chunks:
                    digest.update(chunk)
                    size_bytes += _write_all(file.fileno(), chunk)
            unfinished.replace(self.path(request_id))
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        return StoredFile(size_bytes, digest.hexdigest())

    def is_intact(self, request_id: UUID, expected: StoredFile) -> bool:
        """Tell whether the file is there and is what was stored; hashes it if it changed since the last look."""
        try:
            stat = self.path(request_id).stat()
            state = (stat.st_mtime_ns, stat.st_size, expected.sha256)
            if stat.st_size != expected.size_bytes:
                return False
            if self._checked.get(request_id) == state:
                return True
            with self.path(request_id).open("rb") as file:
                intact = hashlib.file_digest(file, "sha256").hexdigest() == expected.sha256
        except FileNotFoundError:
            return False
        if intact:
            self._remember(request_id, state)
        return intact

    def delete(self, request_ids: Iterable[UUID]) -> None:
        """Delete reports; those that are not there are none the worse for it."""
        for request_id in request_ids:
            self._checked.pop(request_id, None)
            self.path(request_id).unlink(missing_ok=True)

    def stored_ids(self) -> list[UUID]:
        """Name the requests whose reports are here and not from a moment ago."""
        settled_before = time.time() - UNFINISHED_ABANDONED_AFTER_S
        with os.scandir(self._folder) as entries:
            old = [Path(entry.name) for entry in entries if entry.stat().st_mtime < settled_before]
        return [UUID(name.stem) for name in old if name.suffix == ".csv" and _UUID.fullmatch(name.stem)]

    def state(self) -> StorageState:
        """Look at the folder and its disk."""
        if not self._folder.is_dir():
            return StorageState(writable=False, free_bytes=0)
        return StorageState(
            writable=os.access(self._folder, os.W_OK | os.X_OK),
            free_bytes=shutil.disk_usage(self._folder).free,
        )

    def _remember(self, request_id: UUID, state: tuple[int, int, str]) -> None:
        self._checked[request_id] = state
        while len(self._checked) > CHECKED_FILES_MAX:
            self._checked.popitem(last=False)


def file_name(request_id: UUID) -> str:
    """Name the report of a request. Nothing a caller wrote ever becomes part of a path."""
    return f"{request_id}.csv"


def _open_new(path: str, _flags: int) -> int:
    """Create a file that only this user may read, whatever the umask is."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_all(descriptor: int, data: bytes) -> int:
    written = 0
    view = memoryview(data)
    while written < len(data):
        written += os.write(descriptor, view[written:])
    return written
