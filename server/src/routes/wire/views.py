"""Rows of the database as the wire shows them."""

from typing import Any

from sqlalchemy import Row

from src.models import CallbackStatus, Status
from src.routes.wire.callback_logs import AttemptedCallback, AttemptRequest, AttemptResponse, CallbackLog
from src.routes.wire.requests import RequestDetail, RequestItem
from src.services.delivery.message import CANCELLED, message_id
from src.services.delivery.sent_requests import SentRequest
from src.services.identity.caller import View


def item(row: Row[Any], view: View) -> RequestItem:
    """Show a request in a list."""
    return RequestItem(**_common(row, view))


def result(row: Row[Any]) -> dict[str, Any]:
    """Show how a request has ended to the call that waited for it."""
    if row.status == Status.COMPLETED:
        found: dict[str, Any] = row.result_payload
        return found
    how, reason = ("failed", row.failure_reason) if row.status == Status.FAILED else ("cancelled", CANCELLED)
    return {"request_id": str(row.id), "mode": row.mode, "status": how, "reason": reason}


def detail(
    row: Row[Any], view: View, place_in_line: int | None, worker_trouble: str | None, pause: str | None
) -> RequestDetail:
    """Show everything about a request.

    Args:
        row: the request.
        view: what its reader sees.
        place_in_line: how many are ahead of it, while it waits.
        worker_trouble: what keeps the worker from working on, if anything.
        pause: why callbacks to its receiver are paused, if they are.
    """
    return RequestDetail(
        **_common(row, view),
        input_payload=row.input_payload,
        result_payload=row.result_payload,
        idempotency_key=row.idempotency_key,
        generation_attempts=row.generation_attempts,
        place_in_line=place_in_line,
        webhook_id=None if row.callback_url is None else message_id(row.id),
        callback_finished_at=row.callback_finished_at,
        callback_redelivered_at=row.callback_redelivered_at,
        reason=_reason(row, place_in_line, worker_trouble, pause),
    )


def log(row: Row[Any], sent: SentRequest | None) -> CallbackLog:
    """Show an attempt in its request's log."""
    return CallbackLog(
        **AttemptedCallback.model_validate(row).model_dump(),
        request=None if sent is None else AttemptRequest.model_validate(sent),
        response=None
        if row.response_headers is None
        else AttemptResponse(headers=row.response_headers, excerpt=row.response_excerpt),
    )


def item_event(view: View, row: Row[Any]) -> Any:
    """Show a request in an event of a stream."""
    return item(row, view).model_dump(mode="json")


def attempt_event(row: Row[Any]) -> Any:
    """Show an attempt in an event."""
    return {"request_id": str(row.request_id), **AttemptedCallback.model_validate(row).model_dump(mode="json")}


def _common(row: Row[Any], view: View) -> dict[str, Any]:
    return {
        **({"account": row.account} if view.everybody else {}),
        "id": row.id,
        "request_id": row.id,
        "mode": row.mode,
        "status": row.status,
        "report_name": row.input_payload["report_name"],
        "num_transactions": row.input_payload["num_transactions"],
        "queue_position": row.queue_position,
        "priority": row.priority,
        "batch_id": row.batch_id,
        "callback_url": row.callback_url,
        "callback_status": row.callback_status,
        "callback_attempts": row.callback_attempts,
        "callback_next_attempt_at": row.callback_next_attempt_at,
        "failure_reason": row.failure_reason,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "cancelled_at": row.cancelled_at,
    }


def _reason(row: Row[Any], place_in_line: int | None, worker_trouble: str | None, pause: str | None) -> str | None:
    """Say in words why something has not ended yet."""
    if row.status == Status.PENDING:
        return worker_trouble or f"Waits for its turn; {place_in_line} ahead of it."
    if row.status == Status.PROCESSING:
        return worker_trouble or "The report is being generated."
    return _reason_of_callback(row, pause) if row.callback_status == CallbackStatus.PENDING else None


def _reason_of_callback(row: Row[Any], pause: str | None) -> str:
    if pause:
        return f"The receiver is paused: {pause} It is probed periodically, and served in order once it recovers."
    if row.callback_attempts > row.callback_series_start:
        return f"Attempt {row.callback_attempts} failed; the callback is tried again."
    if row.completed_at is None:
        return "Cancelled; its receiver is told when it is its turn in the queue."
    return "The callback waits for those before it to the same receiver, or is being sent."
