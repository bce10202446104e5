"""The body and id of a callback: the same bytes at every attempt, but for the ends of signed links."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from src.models import Status
from src.services.report_files.links import ReportLinks
from src.services.requests.records import OwedBatch, OwedCallback, OwedReport

#: Why there is no report.
CANCELLED = "The request was cancelled."
_MESSAGE_ID = re.compile(r"msg_([0-9a-f]{32})", re.ASCII)


def message_id(request_id: UUID) -> str:
    """Return the `webhook-id` of a request's callback, the same for all attempts and redeliveries."""
    return f"msg_{request_id.hex}"


def request_of(message: str) -> UUID | None:
    """Return the request whose `webhook-id` this is; None if it is no request's."""
    digits = _MESSAGE_ID.fullmatch(message)
    return UUID(digits[1]) if digits else None


def message_body(callback: OwedCallback, links: ReportLinks, end: int | None) -> bytes:
    """Return the body of a callback as JSON.

    Args:
        callback: the callback, with what to tell.
        links: makes the links to reports.
        end: when these end, as `links.callback_end` has it.
    """
    if isinstance(callback, OwedBatch):
        return _body_of_batch(callback, links, end)
    assert isinstance(callback, OwedReport)  # noqa: S101  there is no other kind
    return _body_of_report(callback, links, end)


def _body_of_report(callback: OwedReport, links: ReportLinks, end: int | None) -> bytes:
    finished = callback.finished
    how, completed = finished.status.lower(), finished.status is Status.COMPLETED
    reason = {"reason": finished.failure_reason or CANCELLED}
    message: dict[str, Any] = {
        "type": f"report.{how}",
        "timestamp": utc_text(finished.completed_at),
        "request_id": str(callback.request_id),
        "status": how,
        "queue_position": callback.queue_position,
        "data": orjson.Fragment(finished.result) if finished.result else reason,
        "links": {"request": f"{links.base_url}/api/requests/{callback.request_id}"},
    }
    if completed:
        message["links"]["report"] = links.in_callback(callback.request_id, end)
    return orjson.dumps(message)


def _body_of_batch(callback: OwedBatch, links: ReportLinks, end: int | None) -> bytes:
    result = orjson.loads(callback.result)
    entries = result["entries"]
    for entry in entries or ():
        if entry["status"] == Status.COMPLETED.lower():
            entry["link"] = links.in_callback(UUID(entry["request_id"]), end)
    batch_url = f"{links.base_url}/api/batches/{callback.id}"
    message = {
        "type": "batch.completed",
        "timestamp": utc_text(callback.ended_at),
        "batch_id": str(callback.id),
        "name": callback.name,
        "status": "cancelled" if callback.is_cancelled else "completed",
        "data": {"count": callback.size, "counts": result["counts"], "entries": entries},
        "links": {"batch": batch_url, "requests": f"{batch_url}/requests"},
    }
    return orjson.dumps(message)


def utc_text(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC, such as `2026-01-31T09:30:00.123456Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
