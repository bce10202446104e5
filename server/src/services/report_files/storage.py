"""The interface of report storage. A report is identified by the id of its request alone.

A stored report is a cache of what can be generated again, so storage need not be durable; but a reader sees a complete
report or none, and only bytes whose hash has been verified.
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
#: Number of reports remembered as verified, so that a download need not hash an unchanged file again.
CHECKED_REPORTS_MAX = 10_000

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Size in bytes and SHA-256 in hex of a report's file."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StorageState:
    """Whether reports can be written at the moment."""

    writable: bool
    #: None if unknown.
    free_bytes: int | None
    kind: Literal["folder", "s3"]
    #: Why they cannot be written, as a sentence; None if they can.
    trouble: str | None


class OpenReport(Protocol):
    """A verified report, open for reading. It stays readable if the report is replaced or deleted."""

    def chunks(self, first: int, length: int) -> Iterator[bytes]:
        """Yield `length` bytes from the offset `first` on, in chunks. Each step blocks.

        Raises:
            OSError: it cannot be read, or was truncated by another program.
        """

    def link(self, valid_s: int) -> str | None:
        """Return a URL at which the store itself serves the report for that many seconds; None if it cannot."""

    def close(self) -> None:
        """Close it; must be called, idempotent."""


class ReportStorage(Protocol):
    """A store of reports. Every method blocks, and may be called from any thread.

    All raise OSError if the store refuses or is unavailable; its `strerror` is a sentence that says why.
    """

    #: Whether a short report is written within a millisecond, so that it may be written on an event loop.
    is_quick: bool

    def prepare(self) -> None:
        """Set the store up, and check that it can be used.

        Raises:
            NotStarted: it cannot; its message says what to fix.
        """

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Write a report atomically, a few chunks in memory at a time; it replaces an earlier one."""

    def open(self, request_id: UUID, expected: StoredFile) -> OpenReport | None:
        """Open a report, or return None if it is missing or damaged; hashes it if it changed since the last time."""

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        """Whether there is a report of this size; its content is not checked."""

    def delete(self, request_ids: Iterable[UUID]) -> None:
        """Delete reports; missing ones are ignored."""

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        """Yield the ids of requests with a stored report, up to `together` at a time; very recent ones are omitted."""

    def clear_unfinished(self) -> None:
        """Delete what crashed processes have left of unfinished reports."""

    def state(self) -> StorageState:
        """Probe whether a report can be written now; the result may be cached for a few seconds."""


class CheckedReports:
    """The versions of reports whose hash has been verified: the latest `CHECKED_REPORTS_MAX` of them."""

    def __init__(self) -> None:
        self._versions: LruDict[UUID, tuple[object, ...]] = LruDict(CHECKED_REPORTS_MAX)

    def has(self, request_id: UUID, version: tuple[object, ...]) -> bool:
        """Whether this version of a report has been verified."""
        return self._versions.get(request_id) == version

    def add(self, request_id: UUID, version: tuple[object, ...]) -> None:
        """Remember a verified version."""
        self._versions[request_id] = version

    def forget(self, request_id: UUID) -> None:
        """Forget a deleted report."""
        self._versions.pop(request_id, None)


def not_stored(error: OSError) -> str:
    """Return the sentence that says that reports cannot be stored, and why."""
    return f"Reports cannot be stored: {error.strerror or type(error).__name__}."


def file_name(request_id: UUID) -> str:
    """Return the file name of a request's report. Caller input never becomes part of a path."""
    return f"{request_id}{REPORT_SUFFIX}"


def request_of(name: str) -> UUID | None:
    """Return the id of the request that a file name belongs to; None if it is not the name of a report."""
    stem = name.removesuffix(REPORT_SUFFIX)
    return UUID(stem) if stem != name and _UUID.fullmatch(stem) else None


def attachment(request_id: UUID, report_name: str) -> str:
    """Return the `Content-Disposition` that saves a report under the name its caller gave it (RFC 6266)."""
    encoded = quote(report_name + REPORT_SUFFIX, safe="")
    return f"attachment; filename=\"{file_name(request_id)}\"; filename*=UTF-8''{encoded}"
