"""The OpenAPI document: FastAPI's, with problems as the only errors and the callback as a webhook."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from src import __version__
from src.routes.schemas import Problem, ReportResult

DESCRIPTION = """
Ask for a financial report (a CSV of N transactions with exact totals), in one of two ways:

* `POST /api/sync` answers when the report exists.
* `POST /api/async` answers at once and calls you back later: reports are generated in strict first-in-first-out
  order and delivered to your `callback_url`, signed, with retries, and with a log of every attempt.

Every error is `application/problem+json` (RFC 9457). Every answer carries `X-Request-ID`, the id of this one HTTP call:
yours, when you sent one of 1 to 64 characters `A-Z a-z 0-9 . _ -`, else a new one. It is not a report's `request_id`.
"""

REF_TEMPLATE = "#/components/schemas/{model}"


class CallbackFailure(BaseModel):
    """Why there is no report."""

    reason: str


class CallbackLinks(BaseModel):
    """Where to look further."""

    request: str


class CallbackMessage(BaseModel):
    """What a receiver is sent. Signed as Standard Webhooks 1.0 says."""

    type: str = Field(description="`report.completed` or `report.failed`.")
    timestamp: str = Field(description="When the report ended, RFC 3339 in UTC.")
    request_id: str
    status: str = Field(description="`completed` or `failed`.")
    queue_position: int
    data: ReportResult | CallbackFailure
    links: CallbackLinks


def install(app: FastAPI) -> None:
    """Give the application its document."""
    app.title = "Financial Report Generator"
    app.version = __version__
    app.description = DESCRIPTION
    app.webhooks.post("report-callback", tags=["Callback"])(_report_callback)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        return _finished(generate())

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend it


def _report_callback(body: CallbackMessage) -> None:
    """Tell a receiver how its report ended.

    Headers: `webhook-id` (the same over all attempts), `webhook-timestamp` and `webhook-signature`
    (`v1,<base64 HMAC-SHA256 of id.timestamp.body>`, one for each secret). Any 2xx acknowledges; 5xx and network
    faults are tried again after 2, 4 and 8 seconds; any other 3xx or 4xx ends the delivery.
    """


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=REF_TEMPLATE)
    schemas.update(problem.pop("$defs"), Problem=problem)
    # FastAPI promises a 422 of its own shape wherever something is validated; ours is a problem.
    for path in (*document["paths"].values(), *document.get("webhooks", {}).values()):
        for operation in path.values():
            answers = operation["responses"]
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
