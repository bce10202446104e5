"""What a receiver is sent: the body and its name. The same bytes at every attempt."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from src.models import Status
from src.services.report_files.production import REPORTS_PATH
from src.services.report_files.storage import file_name
from src.services.requests.records import OwedCallback


def message_id(request_id: UUID) -> str:
    """Name the callback of a request; it stays the same over all attempts and redeliveries."""
    return f"msg_{request_id.hex}"


def message_body(callback: OwedCallback, base_url: str) -> bytes:
    """Write the body of a callback as JSON.

    Args:
        callback: the callback whose result or failure is sent.
        base_url: what the links start with, so that a receiver needs to know nothing of us.
    """
    finished = callback.finished
    completed = finished.status is Status.COMPLETED
    message: dict[str, Any] = {
        "type": "report.completed" if completed else "report.failed",
        "timestamp": utc_text(finished.completed_at),
        "request_id": str(callback.request_id),
        "status": "completed" if completed else "failed",
        "queue_position": callback.queue_position,
        "data": orjson.Fragment(finished.result) if finished.result else {"reason": finished.failure_reason},
        "links": {"request": f"{base_url}/api/requests/{callback.request_id}"},
    }
    if completed:
        message["links"]["report"] = base_url + REPORTS_PATH + file_name(callback.request_id)
    return orjson.dumps(message)


def utc_text(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC, such as `2026-01-31T09:30:00.123456Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
