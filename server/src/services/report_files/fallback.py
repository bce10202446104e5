"""Two stores while reports move from one to the other: what is new goes to the first, what is old is found in both."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

from src.errors import NotStarted
from src.services.report_files.storage import OpenReport, ReportStorage, StorageState, StoredFile


class FallbackStorage:
    """Writes, lists and deletes in one store alone, and opens from another what that one does not have.

    A report that was deleted stays in the other store, where nobody is served it any more: empty that store after
    the move.

    Args:
        storage: where reports are.
        fallback: where they were; only read.
    """

    def __init__(self, storage: ReportStorage, fallback: ReportStorage) -> None:
        self._storage = storage
        self._fallback = fallback
        self.is_quick = storage.is_quick

    def prepare(self) -> None:
        """Make the first usable, and see that the other can be listed."""
        self._storage.prepare()
        try:
            next(self._fallback.stored_ids(1), None)
        except OSError as error:
            raise NotStarted(f"STORAGE_FALLBACK_URL: {error.strerror}.") from error

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Write to the first."""
        return self._storage.write(request_id, report_name, chunks)

    def open(self, request_id: UUID, expected: StoredFile) -> OpenReport | None:
        """Open from the first that has it. Where the other is away the report is made again."""
        report = self._storage.open(request_id, expected)
        if report is None:
            with suppress(OSError):
                report = self._fallback.open(request_id, expected)
        return report

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        """Whether the first holds it."""
        return self._storage.holds(request_id, size_bytes)

    def delete(self, request_ids: Iterable[UUID]) -> None:
        """Delete from the first."""
        self._storage.delete(request_ids)

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        """Name what the first has."""
        return self._storage.stored_ids(together)

    def clear_unfinished(self) -> None:
        """Clear up in the first."""
        self._storage.clear_unfinished()

    def state(self) -> StorageState:
        """Try the first."""
        return self._storage.state()
