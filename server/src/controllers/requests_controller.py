"""Use cases around stored requests: look at them, deliver again, delete, download."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row

from src.errors import Conflict, NotFound, Unavailable
from src.models import CallbackStatus, Mode, Status
from src.models.request_model import ENDED
from src.services.delivery.sent_requests import SentRequest, SentRequests
from src.services.parts import Parts
from src.services.report_files.production import produce
from src.services.report_files.storage import OpenReport, ReportStorage, StoredFile
from src.services.report_generator import ReportParameters
from src.services.requests.explanation import Span, explain
from src.services.requests.filters import Filters
from src.services.requests.history import Counts, Page
from src.services.requests.records import LaneKey

UNREADABLE = "The report's file cannot be read or written now; GET /api/health says more."
NO_REPORT = "There is no such report: a report's file is there once its request is COMPLETED, until it is deleted."


async def list_requests(parts: Parts, filters: Filters, limit: int, cursor: str | None) -> Page:
    """Read a page of requests, newest first.

    Raises:
        Invalid: the cursor is not one of ours.
    """
    return await parts.reader.history.page(filters, limit, cursor)


async def count_requests(parts: Parts, filters: Filters) -> Counts:
    """Count requests by their states."""
    return await parts.reader.history.counts(filters)


async def get_request(parts: Parts, request_id: UUID) -> tuple[Row[Any], int | None, str | None]:
    """Read one request, how many are ahead of it while it waits, and why its receiver is paused, if it is.

    Raises:
        NotFound: there is no such request.
    """
    request = await _existing(parts, request_id)
    if request.mode == Mode.ASYNC and request.status == Status.PENDING:
        return request, await parts.reader.place_in_line(request.queue_position), None
    if request.status in ENDED and request.callback_status == CallbackStatus.PENDING:
        return request, None, await parts.reader.why_paused(LaneKey(request.caller, request.receiver))
    return request, None, None


async def get_callback_logs(parts: Parts, request_id: UUID) -> Sequence[tuple[Row[Any], SentRequest | None]]:
    """Read the attempts to deliver a callback, and what each sent.

    Raises:
        NotFound: there is no such request.
    """
    sent = SentRequests(await _existing(parts, request_id), parts.base_url)
    return [(log, sent.of(log)) for log in await parts.reader.logs(request_id)]


async def explain_request(parts: Parts, request_id: UUID) -> list[Span]:
    """Tell where a request's time went.

    Raises:
        NotFound: there is no such request.
    """
    request = await _existing(parts, request_id)
    logs = await parts.reader.logs(request_id)
    return explain(await parts.reader.explanations.lifetime(request, logs, parts.now()))


async def redeliver(parts: Parts, request_id: UUID) -> None:
    """Send the callback of a finished request again, with the same `webhook-id`.

    Raises:
        NotFound: there is no such request.
        Conflict: it has no callback, or the callback has not ended.
    """
    lane = await parts.store.redeliver(request_id, parts.now())
    if lane is None:
        raise Conflict(_why_not_redelivered(await _existing(parts, request_id)))
    parts.engine.redeliver(lane)


async def delete_request(parts: Parts, request_id: UUID) -> None:
    """Delete a request with its log and its file; one that waits is never run.

    Raises:
        NotFound: there is no such request.
        Conflict: it is being processed.
    """
    if not await parts.store.delete(request_id):
        await _existing(parts, request_id)
        raise Conflict("The request is being processed; delete it when it has ended.")
    await parts.removal.remove([request_id])


async def delete_all(parts: Parts) -> int:
    """Delete every request that is not being processed; returns how many that were."""
    count = 0
    while deleted := await parts.store.delete_some():
        await parts.removal.remove(deleted)
        count += len(deleted)
    return count


async def get_report(parts: Parts, request_id: UUID) -> Row[Any]:
    """Read the request of a report that exists.

    Raises:
        NotFound: there is no such report.
    """
    request = await parts.reader.get(request_id)
    if request is None or request.status != Status.COMPLETED:
        raise NotFound(NO_REPORT)
    return request


async def open_report(parts: Parts, request: Row[Any]) -> OpenReport:
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


async def link_of(parts: Parts, report: OpenReport) -> str | None:
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


async def _delete_unless_wanted(parts: Parts, request_id: UUID, file: OpenReport) -> None:
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


async def _existing(parts: Parts, request_id: UUID) -> Row[Any]:
    request = await parts.reader.get(request_id)
    if request is None:
        raise NotFound("There is no request with this id.")
    return request


def _why_not_redelivered(request: Row[Any]) -> str:
    if request.mode == Mode.SYNC:
        return "A sync request has no callback."
    if request.status not in ENDED:
        return "The report has not ended; its callback follows by itself."
    if request.callback_status == CallbackStatus.PENDING:
        return "The callback is still being delivered."
    return "The request changed meanwhile; try again."


async def _in_thread(parts: Parts, work: Any, *arguments: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(parts.threads, work, *arguments)
