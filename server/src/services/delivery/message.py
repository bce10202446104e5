"""The body and id of a callback: the same bytes at every attempt."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from src.models import Status
from src.services.report_files.production import REPORTS_PATH
from src.services.report_files.storage import file_name
from src.services.requests.records import OwedCallback

#: Why there is no report.
CANCELLED = "The request was cancelled."


def message_id(request_id: UUID) -> str:
    """Return the `webhook-id` of a request's callback, the same for all attempts and redeliveries."""
    return f"msg_{request_id.hex}"


def message_body(callback: OwedCallback, base_url: str) -> bytes:
    """Return the body of a callback as JSON.

    Args:
        callback: the callback, with the result or failure to send.
        base_url: prefix of the links, so that a receiver needs no other knowledge of this server.
    """
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
        "links": {"request": f"{base_url}/api/requests/{callback.request_id}"},
    }
    if completed:
        message["links"]["report"] = base_url + REPORTS_PATH + file_name(callback.request_id)
    return orjson.dumps(message)


def utc_text(moment: datetime) -> str:
    """Format a time as RFC 3339 in UTC, such as `2026-01-31T09:30:00.123456Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
