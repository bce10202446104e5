"""The OpenAPI document: FastAPI's, with problems as the only error responses and the callback as a webhook."""

from collections.abc import Collection
from functools import cache
from typing import Any

import orjson
from fastapi import FastAPI

from src import __version__
from src.config import Settings
from src.routes.http.problems import described_types, responses
from src.routes.middleware.same_origin import SAFE_METHODS
from src.routes.site.fixed_documents import FixedDocument
from src.routes.site.openapi_details import CONTACT, LICENSE, add_details, name_operations
from src.routes.site.security import with_security
from src.routes.wire import callbacks as callback_schemas
from src.routes.wire.batch_callbacks import batch_callback
from src.routes.wire.callbacks import report_callback
from src.routes.wire.glossary import describe_properties
from src.routes.wire.requests import Problem

DESCRIPTION = """
Ask for a financial report (a CSV of N transactions with exact totals), in one of two ways:

* `POST /api/sync` answers when the report exists.
* `POST /api/async` answers at once and calls you back later: reports are generated in strict first-in-first-out
  order and delivered to your `callback_url`, signed, with retries, and with a log of every attempt.

Every error is `application/problem+json` (RFC 9457). Every answer carries `X-Request-ID`, the id of this one HTTP call:
yours, when you sent one of 1 to 64 characters `A-Z a-z 0-9 . _ -`, else a new one. It is not a report's `request_id`.

A key is sent as `Authorization: Bearer frg_…` or as `X-API-Key`. Each operation names the scope it asks for (`read`,
`submit`, `submit:high`, `manage`, `admin`). Where this server does not require keys (`AUTH_REQUIRED`), most operations
can be called without one.

A browser can send no header with a WebSocket or an `EventSource`: it asks `POST /api/ws/tickets` for a ticket, good
once and within 30 s, at any server, and opens `WS /api/ws?ticket=…` or `GET /api/events?ticket=…` with it. When the key
is revoked or expires, the stream ends; a WebSocket is closed with 4401.

`WS /api/ws` tells what happens, as JSON texts `{"type", "seq", "at", "data"}`; `GET /api/events` tells the same as
Server-Sent Events:

| `type` | `data` |
| --- | --- |
| `hello` | the first one: `heartbeat_s`, after which a `ping` comes if nothing else does; `spread_s` |
| `request.updated` | a request as in a list |
| `request.deleted` | `ids`; none means all |
| `callback.attempted` | an attempt as in the callback log, with `request_id` |
| `batch.updated` | a batch as in a list, at most twice a second |
| `queue.changed` | `waiting`, `processing_request_id` |
{of_benchmarks}| `events` | under load, at most four a second: `events`, a list of `{"type", "data"}`; `spread_s` |
| `resync` | something was missed: read everything again after a random part of `spread_s` |

`seq` grows by one from frame to frame; where it does not, read again as after `resync`. Within `events` requests come
together: `requests.updated` has `requests` as in a list, `requests.changed` has `requests` told before with `id` and
what may have changed (`status`, `callback_status`, `callback_attempts`, `callback_next_attempt_at`, `failure_reason`,
`started_at`, `completed_at`). In both a member that is left out is null, only the newest state is sent, and attempts
show in `callback_attempts`. When all places are taken, or 50 by one address (3 once 1,000 watch), the answer to the
handshake is 503 with `Retry-After`.
"""

#: The row of the event table that is only present if benchmarks are enabled.
OF_BENCHMARKS = "| `benchmark.progress` | figures of a run |\n"

REF_TEMPLATE = "#/components/schemas/{model}"


def install(app: FastAPI, settings: Settings, rate_limited: Collection[str]) -> None:
    """Install the document, which depends on the settings, and its route.

    Args:
        app: the application.
        settings: decide about operations and texts.
        rate_limited: the paths whose POST is counted by a rate limit.
    """
    app.title = "Financial Report Generator"
    app.version = __version__
    app.description = DESCRIPTION.replace("{of_benchmarks}", OF_BENCHMARKS if settings.demo_tools else "")
    _describe_callbacks(app, settings)
    app.contact, app.license_info = CONTACT, LICENSE
    generate = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        name_operations([*app.routes, *app.webhooks.routes])
        document = with_security(_finished(generate()), required=settings.auth_required)
        add_details(document, rate_limited)
        describe_properties(document["components"]["schemas"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this as the way to extend it
    # FastAPI's own route takes 8 ms to encode it for each request.
    document = FixedDocument(lambda: orjson.dumps(app.openapi()), "application/json")
    app.get("/openapi.json", include_in_schema=False)(document.answer)


def _describe_callbacks(app: FastAPI, settings: Settings) -> None:
    """Describe what receivers get, as webhooks."""
    rules = callback_schemas.delivery_rules(settings.callback_retry_delays, settings.callback_timeout_seconds)
    for name, summary, callback in (
        ("report-callback", "Report callback", report_callback),
        ("batch-callback", "Batch callback", batch_callback),
    ):
        app.webhooks.post(
            name,
            tags=["Callback"],
            summary=summary,
            description=f"{callback.__doc__}\n\n{callback_schemas.HEADERS}\n\n{rules}",
            response_description="Delivered: any 2xx, whatever its body.",
        )(callback)


def _finished(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=REF_TEMPLATE)
    problem["properties"]["type"]["description"] = described_types()
    schemas.update(problem.pop("$defs"), Problem=problem)
    # FastAPI documents a 422 of its own shape wherever something is validated; ours is a problem.
    for path in (*document["paths"].values(), *document.get("webhooks", {}).values()):
        for operation in path.values():
            answers = operation["responses"]
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]
    # Every operation rejects an unknown query parameter and a foreign host; those with unsafe methods also reject a
    # foreign origin.
    for path in document["paths"].values():
        for method, operation in path.items():
            refused = responses(421, 422) if method.upper() in SAFE_METHODS else responses(403, 421, 422)
            answers = operation["responses"]
            answers.update({str(status): answer for status, answer in refused.items() if str(status) not in answers})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
