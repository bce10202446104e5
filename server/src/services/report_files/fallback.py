"""Storage during a migration: new reports go to the new store, old ones are also found in the previous one."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from uuid import UUID

from src.errors import NotStarted
from src.services.report_files.storage import OpenReport, ReportStorage, StorageState, StoredFile


class FallbackStorage:
    """Writes, lists and deletes in the primary store only, and reads from a fallback what the primary does not have.

    A deleted report stays in the fallback, although it is no longer served: empty that store after the migration.

    Args:
        storage: the primary store.
        fallback: the previous store; only read.
    """

    def __init__(self, storage: ReportStorage, fallback: ReportStorage) -> None:
        self._storage = storage
        self._fallback = fallback
        self.is_quick = storage.is_quick

    def prepare(self) -> None:
        """Prepare the primary store, and check that the fallback can be listed.

        Raises:
            NotStarted: one of them cannot be used.
        """
        self._storage.prepare()
        try:
            next(self._fallback.stored_ids(1), None)
        except OSError as error:
            raise NotStarted(f"STORAGE_FALLBACK_URL: {error.strerror}.") from error

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        return self._storage.write(request_id, report_name, chunks)

    def open(self, request_id: UUID, expected: StoredFile) -> OpenReport | None:
        """Open a report from the first store that has it; None also if the fallback is unavailable."""
        report = self._storage.open(request_id, expected)
        if report is None:
            with suppress(OSError):
                report = self._fallback.open(request_id, expected)
        return report

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        return self._storage.holds(request_id, size_bytes)

    def delete(self, request_ids: Iterable[UUID]) -> None:
        self._storage.delete(request_ids)

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        return self._storage.stored_ids(together)

    def clear_unfinished(self) -> None:
        self._storage.clear_unfinished()

    def state(self) -> StorageState:
        return self._storage.state()
