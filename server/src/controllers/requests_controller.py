"""Use cases of stored requests: read, explain, redeliver, delete."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from src.errors import AlreadyEnded, Conflict, NoCallback, NotFound
from src.models import CallbackStatus, Mode, Priority, Status
from src.models.request_model import ENDED
from src.services.delivery.cancellations import SEEN_OWED_FOR
from src.services.delivery.sent_requests import SentRequest, SentRequests, callback_of
from src.services.identity.caller import View
from src.services.parts import Parts
from src.services.requests.explanation import Span, explain
from src.services.requests.filters import Filters
from src.services.requests.history import Counts, Page
from src.services.requests.records import LaneKey

#: Matching requests deleted together, each group in a transaction of its own.
DELETED_TOGETHER_MAX = 500

_WHY_NOT_YET = {
    CallbackStatus.PENDING: "The callback is still being delivered.",
    CallbackStatus.CANCELLED: "The callback was cancelled just now, and an attempt may be under way; try again soon.",
}


async def list_requests(parts: Parts, filters: Filters, limit: int, cursor: str | None) -> Page:
    """Return a page of requests, newest first.

    Raises:
        Invalid: the cursor is malformed.
    """
    return await parts.reader.history.page(filters, limit, cursor)


async def count_requests(parts: Parts, filters: Filters) -> Counts:
    """Count the matching requests by status."""
    return await parts.reader.history.counts(filters)


async def get_request(parts: Parts, view: View, request_id: UUID) -> tuple[Row[Any], int | None, str | None]:
    """Return a request, the number of requests ahead of it while it waits, and why its receiver is paused, if it is.

    Raises:
        NotFound: there is no such request.
    """
    request = await _existing(parts, view, request_id)
    if request.mode == Mode.ASYNC and request.status == Status.PENDING:
        processing, starts = await _ahead(parts, request)
        return request, processing + starts, None
    if request.status in ENDED and request.callback_status == CallbackStatus.PENDING:
        return request, None, await parts.reader.why_paused(LaneKey(request.caller, request.receiver))
    return request, None, None


async def get_callback_logs(
    parts: Parts, view: View, request_id: UUID
) -> Sequence[tuple[Row[Any], SentRequest | None]]:
    """Return the attempts to deliver a callback, and the HTTP request that each sent.

    Raises:
        NotFound: there is no such request.
    """
    sent = SentRequests(callback_of(await _existing(parts, view, request_id)), parts.links)
    return [(log, sent.of(log)) for log in await parts.reader.logs(request_id)]


async def explain_request(parts: Parts, view: View, request_id: UUID) -> list[Span]:
    """Return the timeline of a request: how long it spent in each phase.

    Raises:
        NotFound: there is no such request.
    """
    request = await _existing(parts, view, request_id)
    logs = await parts.reader.logs(request_id)
    waits = request.mode == Mode.ASYNC and request.status == Status.PENDING
    _, starts = await _ahead(parts, request) if waits else (0, 0)
    return explain(await parts.reader.explanations.lifetime(request, logs, parts.now(), starts))


async def redeliver(parts: Parts, view: View, request_id: UUID) -> None:
    """Deliver the callback of a finished request again, with the same `webhook-id`.

    Raises:
        NotFound: there is no such request.
        NoCallback: it has no callback.
        Conflict: its callback has not ended.
    """
    now = parts.now()
    lane = await parts.store.redeliver(request_id, view, now, now - parts.attempt_ends_within)
    if lane is None:
        raise _why_not_redelivered(await _existing(parts, view, request_id))
    parts.engine.redeliver(lane)


async def cancel(parts: Parts, view: View, request_id: UUID, *, notify: bool) -> None:
    """Cancel a request that has not ended, or its callback if that is not delivered yet.

    When it returns no attempt to deliver the report begins any more. Cancelling again changes nothing.

    Args:
        parts: of the service.
        view: whose requests may be cancelled.
        request_id: which.
        notify: if the report has not ended, its receiver gets `report.cancelled` instead.

    Raises:
        NotFound: there is no such request.
        AlreadyEnded: nothing is left to cancel.
    """
    if cancelled := await parts.store.cancel(request_id, view, parts.now(), notify=notify):
        parts.sync.in_flight.cancel([request_id])
        await parts.engine.cancelled(request_id, cancelled)
        return
    request = await _existing(parts, view, request_id)
    if request.status != Status.CANCELLED and request.callback_status != CallbackStatus.CANCELLED:
        raise AlreadyEnded(_how_it_ended(request))
    if parts.now() - request.cancelled_at < SEEN_OWED_FOR:  # whoever cancelled it may not have been answered yet
        await asyncio.sleep(SEEN_OWED_FOR.total_seconds())


async def delete_request(parts: Parts, view: View, request_id: UUID) -> None:
    """Delete a request with its log and its file; a waiting one is never processed.

    Raises:
        NotFound: there is no such request.
        Conflict: it is being processed.
    """
    if not await parts.store.delete(request_id, view):
        await _existing(parts, view, request_id)
        raise Conflict("The request is being processed; delete it when it has ended.")
    await parts.removal.remove([request_id])


async def delete_all(parts: Parts, view: View) -> int:
    """Delete every request that is not being processed; returns their number."""
    count = 0
    while deleted := await parts.store.delete_some(view):
        await parts.removal.remove(deleted)
        count += len(deleted)
    await parts.batches.changes.delete_empty(view)
    return count


async def delete_matching(parts: Parts, filters: Filters) -> int:
    """Delete every matching request that is not being processed; returns their number.

    What is accepted meanwhile is kept: pages go from the newest to the oldest.
    """
    count, cursor = 0, None
    while True:
        page = await parts.reader.history.page(filters, DELETED_TOGETHER_MAX, cursor)
        if deleted := await parts.store.delete_found([row.id for row in page.requests], filters):
            await parts.removal.remove(deleted)
            count += len(deleted)
        if (cursor := page.next_cursor) is None:
            await parts.batches.changes.delete_empty(filters.view)
            return count


async def _existing(parts: Parts, view: View, request_id: UUID) -> Row[Any]:
    request = await parts.reader.get(request_id, view)
    if request is None:
        raise NotFound("There is no request with this id.")
    return request


async def _ahead(parts: Parts, request: Row[Any]) -> tuple[int, int]:
    """Count the reports under way, and the starts before that of a request that waits, if nothing else comes."""
    at = parts.engine.state().cycle_at
    ahead = await parts.reader.ahead(request.priority, request.queue_position)
    return ahead.processing, parts.priorities.starts_before(Priority(request.priority), ahead.waiting, at)


def _how_it_ended(request: Row[Any]) -> str:
    if request.callback_status is None:
        return f"The request has ended: its report is {request.status}."
    return f"The request has ended: its report is {request.status}, its callback {request.callback_status}."


def _why_not_redelivered(request: Row[Any]) -> Conflict:
    if request.mode == Mode.SYNC:
        return NoCallback("A sync request has no callback.")
    if request.callback_status is None:
        return NoCallback("The request was submitted without a callback URL.")
    if request.status == Status.CANCELLED:
        return Conflict("The request was cancelled; there is no report to deliver.")
    if request.status not in ENDED:
        return Conflict("The report has not ended; its callback follows by itself.")
    return Conflict(_WHY_NOT_YET.get(request.callback_status, "The request changed meanwhile; try again."))
