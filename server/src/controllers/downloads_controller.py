"""Use case: download a report, from here or from the store itself."""

import asyncio
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row

from src.errors import NotFound, Unavailable
from src.models import Status
from src.services.parts import DownloadParts
from src.services.report_files.production import produce
from src.services.report_files.storage import OpenReport, ReportStorage, StoredFile
from src.services.report_generator import ReportParameters

UNREADABLE = "The report's file cannot be read or written now; GET /api/health says more."
NO_REPORT = "There is no such report: a report's file is there once its request is COMPLETED, until it is deleted."


async def get_report(parts: DownloadParts, request_id: UUID) -> Row[Any]:
    """Read the request of a report that exists.

    Raises:
        NotFound: there is no such report.
    """
    request = await parts.reader.get(request_id)
    if request is None or request.status != Status.COMPLETED:
        raise NotFound(NO_REPORT)
    return request


async def open_report(parts: DownloadParts, request: Row[Any]) -> OpenReport:
    """Open the file of a completed request; a missing or damaged file is rebuilt. The caller must close it.

    A request may be deleted at any moment. Whoever has opened its file before reads it to the end.

    Raises:
        NotFound: the request was deleted meanwhile; no file is left.
        Unavailable: the disk cannot be used now.
    """
    expected = StoredFile(request.result_payload["file_size_bytes"], request.result_payload["sha256"])
    parameters = ReportParameters.from_json(request.input_payload)
    try:
        file = await _in_thread(parts, parts.storage.open, request.id, expected)
        if file is None:
            file = await _in_thread(parts, _make_again, parts.storage, request.id, parameters, expected)
            await _delete_unless_wanted(parts, request.id, file)
    except OSError as error:
        raise Unavailable(UNREADABLE) from error
    return cast("OpenReport", file)


async def link_of(parts: DownloadParts, report: OpenReport) -> str | None:
    """Give an address at which the store itself serves a report, and let go of it; None where we serve it.

    Raises:
        Unavailable: the store cannot be used now.
    """
    if parts.storage.is_quick or parts.signed_url_s is None:
        return None
    try:
        link: str | None = await _in_thread(parts, report.link, parts.signed_url_s)
    except OSError as error:
        report.close()
        raise Unavailable(UNREADABLE) from error
    if link is not None:
        report.close()
    return link


def _make_again(
    storage: ReportStorage, request_id: UUID, parameters: ReportParameters, expected: StoredFile
) -> OpenReport:
    """Make the file what it must be. A report is a pure function of its parameters, so its file is a cache."""
    made = produce(request_id, parameters, storage).file
    file = storage.open(request_id, expected) if made == expected else None
    if file is None:
        storage.delete([request_id])
        raise OSError("a report that was generated again differs from the stored one, or cannot be opened")
    return file


async def _delete_unless_wanted(parts: DownloadParts, request_id: UUID, file: OpenReport) -> None:
    """Look again after a file was made: a delete that came before it found no file to delete."""
    try:
        if await parts.store.known([request_id]):
            return  # a delete that comes now finds the file
        await _in_thread(parts, parts.storage.delete, [request_id])
    except BaseException:
        file.close()
        raise
    file.close()
    raise NotFound(NO_REPORT)


async def _in_thread(parts: DownloadParts, work: Any, *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(parts.threads, work, *arguments)
