"""A store of reports whose failures are counted."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from src.services.metrics.metrics import StorageOperation
from src.services.report_files.storage import OpenReport, ReportStorage, StorageState, StoredFile


class CountedStorage:
    """Passes everything on, and says which operations failed. What `state` finds out is no failure of an operation.

    Args:
        storage: the store.
        failed: told of each operation that failed, from any thread.
    """

    def __init__(self, storage: ReportStorage, failed: Callable[[StorageOperation], None]) -> None:
        self._storage = storage
        self._failed = failed
        self.is_quick = storage.is_quick

    def prepare(self) -> None:
        """A start that fails is told by its sentence."""
        self._storage.prepare()

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        with self._counting("write"):
            return self._storage.write(request_id, report_name, chunks)

    def open(self, request_id: UUID, expected: StoredFile) -> OpenReport | None:
        with self._counting("read"):
            report = self._storage.open(request_id, expected)
        return report and _CountedReport(report, self._counting)

    def holds(self, request_id: UUID, size_bytes: int) -> bool:
        with self._counting("read"):
            return self._storage.holds(request_id, size_bytes)

    def delete(self, request_ids: Iterable[UUID]) -> None:
        with self._counting("delete"):
            self._storage.delete(request_ids)

    def stored_ids(self, together: int) -> Iterator[list[UUID]]:
        with self._counting("list"):
            yield from self._storage.stored_ids(together)

    def clear_unfinished(self) -> None:
        with self._counting("delete"):
            self._storage.clear_unfinished()

    def state(self) -> StorageState:
        return self._storage.state()

    @contextmanager
    def _counting(self, operation: StorageOperation) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._failed(operation)
            raise


class _CountedReport:
    """An open report whose failures to read are counted."""

    def __init__(
        self, report: OpenReport, counting: Callable[[StorageOperation], AbstractContextManager[None]]
    ) -> None:
        self._report = report
        self._counting = counting

    def chunks(self, first: int, length: int) -> Iterator[bytes]:
        with self._counting("read"):
            yield from self._report.chunks(first, length)

    def link(self, valid_s: int) -> str | None:
        with self._counting("read"):
            return self._report.link(valid_s)

    def close(self) -> None:
        self._report.close()
