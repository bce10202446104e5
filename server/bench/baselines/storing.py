"""Storing a report as `report_production.produce` does, whoever generates it."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from src.services.report_files.storage import ReportStorage, StoredFile
from src.services.report_generator import Totals


def store(
    generated: Iterable[tuple[bytes, Totals]], request_id: UUID, storage: ReportStorage
) -> tuple[StoredFile, Totals]:
    """Write chunks to a file, sum their totals, and hash it."""
    totals = Totals()

    def chunks() -> Iterator[bytes]:
        nonlocal totals
        for chunk, of_chunk in generated:
            totals += of_chunk
            yield chunk

    return storage.write(request_id, "", chunks()), totals
