"""Use case: download a report, from this server or by a redirect to the object store."""

import asyncio
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row

from src.errors import NotFound, Unavailable
from src.models import Status
from src.services.identity.caller import View
from src.services.parts import DownloadParts
from src.services.report_files.production import produce
from src.services.report_files.storage import OpenReport, ReportStorage, StoredFile
from src.services.report_generator import ReportParameters

UNREADABLE = "The report's file cannot be read or written now; GET /api/health says more."
NO_REPORT = "There is no such report: a report's file is there once its request is COMPLETED, until it is deleted."


async def get_report(parts: DownloadParts, view: View, request_id: UUID) -> Row[Any]:
    """Return the completed request that a report belongs to.

    Raises:
        NotFound: there is no such report.
    """
    request = await parts.reader.get(request_id, view)
    if request is None or request.status != Status.COMPLETED:
        raise NotFound(NO_REPORT)
    return request


async def open_report(parts: DownloadParts, request: Row[Any]) -> OpenReport:
    """Open the file of a completed request; a missing or damaged file is rebuilt. The caller must close it.

    A request may be deleted at any moment; a file that is already open stays readable.

    Raises:
        NotFound: the request was deleted in the meantime; no file is left behind.
        Unavailable: the report storage is unavailable.
    """
    expected = StoredFile(request.result_payload["file_size_bytes"], request.result_payload["sha256"])
    parameters = ReportParameters.from_json(request.input_payload)
    try:
        file = await _in_thread(parts, parts.storage.open, request.id, expected)
        if file is None:
            file = await _in_thread(parts, _rebuild, parts.storage, request.id, parameters, expected)
            await _delete_orphan(parts, request.id, file)
    except OSError as error:
        if not await parts.store.known([request.id]):  # deleted meanwhile, and its file with it
            raise NotFound(NO_REPORT) from None
        raise Unavailable(UNREADABLE) from error
    return cast("OpenReport", file)


async def link_of(parts: DownloadParts, report: OpenReport) -> str | None:
    """Return a URL at which the store itself serves a report, and close the report; None if this server serves it.

    Raises:
        Unavailable: the report storage is unavailable.
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


def _rebuild(
    storage: ReportStorage, request_id: UUID, parameters: ReportParameters, expected: StoredFile
) -> OpenReport:
    """Generate a report again. It is a pure function of its parameters, so its file is a cache."""
    rebuilt = produce(request_id, parameters, storage).file
    file = storage.open(request_id, expected) if rebuilt == expected else None
    if file is None:
        storage.delete([request_id])
        raise OSError("a report that was generated again differs from the stored one, or cannot be opened")
    return file


async def _delete_orphan(parts: DownloadParts, request_id: UUID, file: OpenReport) -> None:
    """Delete a rebuilt file if its request was deleted before the file existed, and raise NotFound."""
    try:
        if await parts.store.known([request_id]):
            return  # a later delete finds the file
        await _in_thread(parts, parts.storage.delete, [request_id])
    except BaseException:
        file.close()
        raise
    file.close()
    raise NotFound(NO_REPORT)


async def _in_thread(parts: DownloadParts, work: Any, *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(parts.threads, work, *arguments)
