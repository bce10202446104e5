"""What a receiver is sent, and what its answer leads to, as the OpenAPI document tells it."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from fastapi import Body
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from src.routes.wire.requests import ReportResult
from src.services.delivery.schedule import RETRY_AFTER_MAX_S, may_be_retried, succeeded
from src.services.outbound.client import BODY_READ_BYTES_MAX, Failure, Reply, lacks_resources
from src.services.outbound.guard import ErrorCode
from src.services.outbound.transport import STATUSES
from src.services.outbound.wire import HEAD_BYTES_MAX

HEADERS = """Headers: `webhook-id` (the same over all attempts), `webhook-timestamp` and `webhook-signature`
(`v1,<base64 HMAC-SHA256 of id.timestamp.body>`, one for each secret; where the server is set to it `v1a,<base64
Ed25519>`, one for each public key of the account), as Standard Webhooks 1.0 says."""

_ID = "0197c1e2-6d1f-7c7e-9d53-3f0a4a1b2c3d"
_COMMON = {"timestamp": "2026-01-31T09:30:00.123456Z", "request_id": _ID, "queue_position": 7}
_LINK = f"https://reports.example.com/api/requests/{_ID}"
EXAMPLES: dict[str, Any] = {
    "completed": {
        "summary": "The report exists.",
        "value": {
            "type": "report.completed",
            **_COMMON,
            "status": "completed",
            "data": {
                "request_id": _ID,
                "mode": "async",
                "status": "completed",
                "report_name": "Annual Report",
                "file_name": f"{_ID}.csv",
                "file_size_bytes": 5213,
                "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "download_url": f"/api/reports/{_ID}.csv",
                "summary": {
                    "total_transactions": 50,
                    "total_revenue": "151204.11",
                    "total_expenses": "98310.27",
                    "net_income": "52893.84",
                    "currency": "USD",
                },
                "processing_time_ms": 503,
            },
            "links": {"request": _LINK, "report": f"https://reports.example.com/api/reports/{_ID}.csv"},
        },
    },
    "failed": {
        "summary": "There is no report.",
        "value": {
            "type": "report.failed",
            **_COMMON,
            "status": "failed",
            "data": {"reason": "The report could not be generated."},
            "links": {"request": _LINK},
        },
    },
    "cancelled": {
        "summary": "It was cancelled with `notify`.",
        "value": {
            "type": "report.cancelled",
            **_COMMON,
            "status": "cancelled",
            "data": {"reason": "The request was cancelled."},
            "links": {"request": _LINK},
        },
    },
}


class CallbackFailure(BaseModel):
    """Why there is no report."""

    reason: str


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default")


class CallbackLinks(BaseModel):
    """Where to look further: absolute URLs that begin with `PUBLIC_BASE_URL`."""

    request: str = Field(description="The request, with its callback log.")
    report: str | SkipJsonSchema[None] = Field(
        default=None,
        description="The file; absent when there is none. Where keys are required a signed link, good without one.",
        json_schema_extra=_no_default,
    )


class CallbackMessage(BaseModel):
    """What a receiver is sent. Signed as Standard Webhooks 1.0 says."""

    type: Literal["report.completed", "report.failed", "report.cancelled"]
    timestamp: str = Field(description="When the report ended, RFC 3339 in UTC.")
    request_id: UUID
    status: Literal["completed", "failed", "cancelled"]
    queue_position: int
    data: ReportResult | CallbackFailure
    links: CallbackLinks


def report_callback(body: Annotated[CallbackMessage, Body(openapi_examples=EXAMPLES)]) -> None:
    """Tell a receiver how its report ended."""


def delivery_rules(retry_delays_s: Sequence[float], timeout_s: float) -> str:
    """Say, as a table in Markdown, what follows from each answer, by what is in force.

    Args:
        retry_delays_s: waits before the second, third, … attempt.
        timeout_s: one attempt at most.
    """
    replies = [Reply(status, None, b"") for status in STATUSES]
    failures = [Failure(code, "") for code in get_args(ErrorCode)]

    def statuses(rule: Callable[[Reply], bool]) -> str:
        return _ranges(reply.status_code for reply in replies if rule(reply))

    def codes(rule: Callable[[Failure], bool]) -> str:
        return "none: " + ", ".join(f"`{one.error_code}`" for one in failures if rule(one))

    again = _tried_again(retry_delays_s)
    rows = [
        ("answer", "what follows"),
        ("---", "---"),
        (statuses(succeeded), "delivered"),
        (
            statuses(may_be_retried),
            f"{again}; `Retry-After` up to {RETRY_AFTER_MAX_S:g} s counts",
        ),
        (statuses(lambda one: not succeeded(one) and not may_be_retried(one)), "ends at once; no redirect is followed"),
        (codes(lambda one: may_be_retried(one) and not lacks_resources(one)), again),
        (codes(lacks_resources), "this server's own lack: tried again, however often"),
        (codes(lambda one: not may_be_retried(one)), "ends at once; nothing was dialled"),
    ]
    limits = (
        f"The status decides, whatever the body does. An attempt may take {timeout_s:g} s in all; "
        f"{HEAD_BYTES_MAX // 1024} KiB of head and {BODY_READ_BYTES_MAX // 1024} KiB of body are read at most."
    )
    return "\n".join([limits, "", *(f"| {answer} | {follows} |" for answer, follows in rows)])


def _tried_again(delays_s: Sequence[float]) -> str:
    if not delays_s:
        return "ends: this server tries once"
    *first, last = (f"{delay:g}" for delay in delays_s)
    waits = f"{', '.join(first)} and {last}" if first else last
    return f"tried again after {waits} s, {len(delays_s) + 1} attempts in all"


def _ranges(numbers: Iterable[int]) -> str:
    """Write ascending numbers shortly: 300 to 407, 409."""
    runs = ([number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]))
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
