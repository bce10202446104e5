"""Where reports are kept: what every store does, whatever it is made of. A report is known by its request's id alone.

A stored report is a cache of what can be generated again, so a store need not be durable; but a reader sees all of a
report or nothing, and is given only bytes that have been checked.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import quote
from uuid import UUID

from src.services.kit.lru import LruDict

CSV = "text/csv; charset=utf-8"
REPORT_SUFFIX = ".csv"
#: How many reports are remembered as checked, so that a download need not hash what has not changed.
CHECKED_REPORTS_MAX = 10_000

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What a report's file must be: its size in bytes and its SHA-256 in hex."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StorageState:
    """Whether reports can be written now."""

    writable: bool
    #: None where nobody knows.
    free_bytes: int | None
    kind: Literal["folder", "s3"]
    #: Why they cannot be written, in words; None when they can.
    trouble: str | None


class OpenReport(Protocol):
    """A report that was checked and is open for reading. It stays whole, whatever becomes of its name."""

    def chunks(self, first: int, length: int) -> Iterator[bytes]:
        """Read `length` bytes from the byte `first` on, piece by piece. Each step blocks.

        Raises:
            OSError: it cannot be read, or has been cut off from outside.
        """

    def link(self, valid_s: int) -> str | None:
        """Return a URL at which the store itself serves it for that many seconds; None if it cannot."""

    def close(self) -> None:
        """Let go of it; must be called, and once is enough."""


class ReportStorage(Protocol):
    """A store of reports. Every method blocks for as long as the store takes, and may be called from any thread.

    All raise OSError when the store refuses or is away; its `strerror` says in words why.
    """

    #: Whether a short report is written within a millisecond, so that an event loop may wait for it.
    is_quick: bool

    def prepare(self) -> None:
        """Make the store usable, and see that it is."""

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Write a report, keeping little of it in memory. A reader sees all of it or what was there before."""

    def open(self, request_id: UUID, expected: StoredFile) -> OpenReport | None:
        """Open a report, if it is there and is what was stored; hashes it if it changed since the last look."""

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        """Whether there is a report of this size; its bytes are not looked at."""

    def delete(self, request_ids: Iterable[UUID]) -> None:
        """Delete reports; missing ones are ignored."""

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        """Name the requests whose reports are here and not from a moment ago, up to `together` at a time."""

    def clear_unfinished(self) -> None:
        """Delete what processes that died have left of reports they did not finish."""

    def state(self) -> StorageState:
        """Try whether a report could be written now; a look within the same second may be the last one's."""


class CheckedReports:
    """Which versions of reports have been hashed and found right: the last `CHECKED_REPORTS_MAX` of them."""

    def __init__(self) -> None:
        self._versions: LruDict[UUID, tuple[object, ...]] = LruDict(CHECKED_REPORTS_MAX)

    def has(self, request_id: UUID, version: tuple[object, ...]) -> bool:
        """Whether this version of a report was found right before."""
        return self._versions.get(request_id) == version

    def add(self, request_id: UUID, version: tuple[object, ...]) -> None:
        """Remember a version that was found right."""
        self._versions[request_id] = version

    def forget(self, request_id: UUID) -> None:
        """Forget a report that is deleted."""
        self._versions.pop(request_id, None)


def not_stored(error: OSError) -> str:
    """Say in a sentence that reports cannot be stored, and why: the same wherever it is read."""
    return f"Reports cannot be stored: {error.strerror or type(error).__name__}."


def file_name(request_id: UUID) -> str:
    """Name the report of a request. Nothing a caller wrote ever becomes part of a path."""
    return f"{request_id}{REPORT_SUFFIX}"


def request_of(name: str) -> UUID | None:
    """Read whose report a file is; None when it is none of ours."""
    stem = name.removesuffix(REPORT_SUFFIX)
    return UUID(stem) if stem != name and _UUID.fullmatch(stem) else None


def attachment(request_id: UUID, report_name: str) -> str:
    """Write the `Content-Disposition` of a report: saved under the name that its caller gave it (RFC 6266)."""
    encoded = quote(report_name + REPORT_SUFFIX, safe="")
    return f"attachment; filename=\"{file_name(request_id)}\"; filename*=UTF-8''{encoded}"
