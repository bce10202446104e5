"""The OpenAPI document: FastAPI's, with problems as the only errors and the callback as a webhook."""

from typing import Any

from fastapi import FastAPI

from src import __version__
from src.config import Settings
from src.routes import callback_schemas
from src.routes.callback_schemas import report_callback
from src.routes.problems import responses
from src.routes.schemas import Problem

DESCRIPTION = """
Ask for a financial report (a CSV of N transactions with exact totals), in one of two ways:

* `POST /api/sync` answers when the report exists.
* `POST /api/async` answers at once and calls you back later: reports are generated in strict first-in-first-out
  order and delivered to your `callback_url`, signed, with retries, and with a log of every attempt.

Every error is `application/problem+json` (RFC 9457). Every answer carries `X-Request-ID`, the id of this one HTTP call:
yours, when you sent one of 1 to 64 characters `A-Z a-z 0-9 . _ -`, else a new one. It is not a report's `request_id`.
"""

REF_TEMPLATE = "#/components/schemas/{model}"


def install(app: FastAPI, settings: Settings) -> None:
    """Give the application its document, true to its settings."""
    app.title = "Financial Report Generator"
    app.version = __version__
    app.description = DESCRIPTION
    rules = callback_schemas.delivery_rules(settings.callback_retry_delays, settings.callback_timeout_seconds)
    app.webhooks.post(
        "report-callback",
        tags=["Callback"],
        summary="Report callback",
        description=f"{report_callback.__doc__}\n\n{callback_schemas.HEADERS}\n\n{rules}",
        response_description="Delivered: any 2xx, whatever its body.",
    )(report_callback)
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        return _finished(generate())

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend it


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
    # Every operation refuses a query that it does not know.
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"] = {
                **{str(key): told for key, told in responses(422).items()},
                **operation["responses"],
            }
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
