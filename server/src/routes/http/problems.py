"""The only place where errors are mapped to `application/problem+json` (RFC 9457)."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from asyncpg import DataError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from src.errors import (
    AlreadyEnded,
    BatchExceedsRateLimit,
    CallerQueueFull,
    Cancelled,
    Conflict,
    CountMoved,
    ForbiddenCallbackUrl,
    IdempotencyKeyReused,
    Invalid,
    InvalidEntries,
    LeadershipLost,
    LinkExpired,
    LinkInvalid,
    NoCallback,
    NotFound,
    NotStarted,
    RateLimited,
    ScopeMissing,
    ServiceError,
    StillProcessing,
    TooManyReceivers,
    Unavailable,
)
from src.logs import without_credentials
from src.models import Mode
from src.routes.http.methods import allowed_methods, path_without_slash
from src.services.requests.observers import Refused

PROBLEM_JSON = "application/problem+json"
#: Of `WWW-Authenticate`.
REALM = 'Bearer realm="financial-report-generator"'
PROBLEM_SCHEMA = "#/components/schemas/Problem"
#: Characters of the path repeated in `instance`.
INSTANCE_LENGTH_MAX = 200
#: Faults of a body that are named.
FAULTS_SHOWN_MAX = 100

log = logging.getLogger(__name__)

#: Status and slug of each domain error; the first matching class applies.
_KINDS: list[tuple[type[ServiceError], int, str]] = [
    (ForbiddenCallbackUrl, 422, "callback-url-forbidden"),
    (IdempotencyKeyReused, 422, "idempotency-key-reused"),
    (BatchExceedsRateLimit, 422, "batch-exceeds-rate-limit"),
    (Invalid, 422, "invalid-request"),
    (ScopeMissing, 403, "scope-missing"),
    (LinkInvalid, 403, "link-invalid"),
    (LinkExpired, 403, "link-expired"),
    (NotFound, 404, "not-found"),
    (NoCallback, 409, "no-callback"),
    (StillProcessing, 409, "still-processing"),
    (CountMoved, 409, "count-moved"),
    (AlreadyEnded, 409, "already-ended"),
    (Cancelled, 409, "cancelled"),
    (Conflict, 409, "conflict"),
    (RateLimited, 429, "rate-limited"),
    (CallerQueueFull, 429, "too-many-waiting"),
    (TooManyReceivers, 429, "too-many-receivers"),
    (LeadershipLost, 503, "unavailable"),
    (NotStarted, 503, "unavailable"),
    (Unavailable, 503, "unavailable"),
    (ServiceError, 500, "internal-error"),  # last: one that nobody gave a row
]

#: Pydantic's error types for a body that is not an object.
_NO_OBJECT = frozenset({"model_type", "model_attributes_type", "dict_type"})
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

#: Titles of problem types that share their status with another type.
_TITLES = {"too-many-waiting": "Too Many Requests Waiting", "too-many-receivers": "Too Many Receivers"}

_SLUGS = {
    400: "malformed-request",
    404: "not-found",
    405: "method-not-allowed",
    412: "precondition-failed",
    413: "body-too-large",
    415: "unsupported-media-type",
    416: "range-not-satisfiable",
    422: "invalid-request",
    429: "rate-limited",
    500: "internal-error",
}

_TYPE_PREFIX = "urn:problem:financial-report-generator:"
#: Every kind of problem, and when it comes: what the OpenAPI document says of `type`.
_MEANINGS = {
    "already-ended": "the request and its callback have ended: nothing is left to cancel",
    "batch-exceeds-rate-limit": "a batch has more entries than may ever be submitted at once",
    "body-too-large": "the body has too many bytes",
    "callback-url-forbidden": "the callback URL breaks the rule that `rule` names",
    "cancelled": "the request was cancelled while its caller waited",
    "conflict": "the state of the request forbids it now",
    "count-moved": "what matches differs from `expected_count` by more than a tenth",
    "cross-origin": "a page of another origin may not send this",
    "error": "anything else that is refused",
    "idempotency-key-reused": "the idempotency key came before with another body",
    "internal-error": "a fault of the server's",
    "invalid-request": "`errors` names the fields or the parameter",
    "key-expired": "the key has expired",
    "key-malformed": "what was sent is no key: another scheme or form, or its checksum does not match",
    "key-missing": "this asks for a key or token",
    "key-revoked": "the key was revoked, or its account is disabled",
    "key-unknown": "there is no such key",
    "link-expired": "the signed link was good until it ended",
    "link-invalid": "the signed link is not as it was made",
    "malformed-request": "the request cannot be read",
    "method-not-allowed": "`Allow` names the methods of this path",
    "misdirected-request": "`Host` is no name of this server",
    "no-callback": "the request has no callback",
    "not-found": "there is no such request, report, run or path",
    "precondition-failed": "what a precondition names is not so",
    "range-not-satisfiable": "the report has no such bytes",
    "rate-limited": "too often; `Retry-After` says when again",
    "scope-missing": "the key lacks the scope that `scope` names",
    "signature-refused": "the demo receiver refused a signature",
    "simulated-failure": "the demo receiver was told to fail",
    "still-processing": "the first request with this idempotency key is not answered yet",
    "ticket-invalid": "there is no such ticket of an event stream, or no longer",
    "token-invalid": "the token is none that may do this",
    "too-many-receivers": "the caller has something owed to too many receivers",
    "too-many-waiting": "too many requests of the caller wait",
    "unavailable": "not now; nothing was stored, and `Retry-After` says when again",
    "unsupported-media-type": "the body is no JSON by its headers",
}


#: The kinds of 401.
UNAUTHORIZED = frozenset(
    {
        "key-expired",
        "key-malformed",
        "key-missing",
        "key-revoked",
        "key-unknown",
        "ticket-invalid",
        "token-invalid",
    }
)

#: The operations that accept requests.
_SUBMISSIONS = {"/api/sync": Mode.SYNC, "/api/async": Mode.ASYNC, "/api/batch": Mode.ASYNC}


def problem(
    status: int,
    slug: str,
    detail: str,
    instance: str,
    *,
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """Build a problem response.

    Args:
        status: the HTTP status.
        slug: identifies the problem type; stable, for programs.
        detail: one sentence for humans.
        instance: the requested path.
        headers: additional headers, such as `Retry-After`.
        extensions: extension members, such as `errors`.
    """
    body = {
        "type": f"{_TYPE_PREFIX}{slug}",
        "title": _TITLES.get(slug, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "instance": instance[:INSTANCE_LENGTH_MAX],
        **extensions,
    }
    return Response(orjson.dumps(body), status, headers, PROBLEM_JSON)


def install(app: FastAPI) -> None:
    """Register the error handlers, which turn every error of the application into a problem."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(ClientDisconnect, _ended_too_early)
    app.add_exception_handler(DataError, _data_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(Exception, _unexpected_error)


def note_refusal(scope: Scope, slug: str) -> None:
    """Notify the observers of a rejected submission; other calls are not reported."""
    mode = _SUBMISSIONS.get(scope["path"]) if scope["method"] == "POST" else None
    if mode and (parts := getattr(scope["app"].state, "parts", None)):
        parts.observers.refused(Refused(mode=mode, problem=slug))


def scope_challenge(scope: str) -> str:
    """Return the `WWW-Authenticate` of a caller that lacks a scope (RFC 6750, 3.1)."""
    return f'{REALM}, error="insufficient_scope", scope="{scope}"'


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe an operation's problem responses for the OpenAPI document."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_JSON: {"schema": {"$ref": PROBLEM_SCHEMA}}},
        }
        for status in statuses
    }


def described_types() -> str:
    """Describe every `type` of a problem, for the OpenAPI document."""
    lines = [f"* `{_TYPE_PREFIX}{slug}`: {meaning}" for slug, meaning in _MEANINGS.items()]
    return "\n".join(["`about:blank` where the request was refused before it was routed, else one of:", "", *lines])


def instance_of(scope: Scope) -> str:
    """Return the requested path, as received, without a key that somebody put there."""
    path: str = scope["raw_path"].decode("ascii", "replace") if scope.get("raw_path") else scope["path"]
    return without_credentials(path)


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101  registered for this class only
    status, slug = next((status, slug) for kind, status, slug in _KINDS if isinstance(error, kind))
    note_refusal(request.scope, slug)
    headers: dict[str, str] = {}
    extensions: dict[str, Any] = {}
    if isinstance(error, Unavailable | StillProcessing):
        headers["retry-after"] = str(error.retry_after_s)
    if isinstance(error, InvalidEntries):
        faults = error.faults[:FAULTS_SHOWN_MAX]
        extensions["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in faults]
    elif isinstance(error, Invalid) and error.pointer:
        extensions["errors"] = [{"pointer": error.pointer, "detail": error.detail}]
    if isinstance(error, ForbiddenCallbackUrl):
        extensions["rule"] = error.rule
    if isinstance(error, ScopeMissing):
        extensions["scope"] = error.scope
        headers["www-authenticate"] = scope_challenge(error.scope)
    return problem(status, slug, error.detail, instance_of(request.scope), headers=headers, **extensions)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class only
    note_refusal(request.scope, _SLUGS[422])
    errors = error.errors()[:FAULTS_SHOWN_MAX]
    # Only location and message: never the input, which may be hostile, nor the context, which may repeat it.
    shown = [{"pointer": _pointer(error), "detail": _message(error)} for error in errors]
    detail = f"{shown[0]['pointer'] or 'The body'}: {shown[0]['detail']}" if shown else "The request is not valid."
    return problem(422, _SLUGS[422], detail, instance_of(request.scope), errors=shown)


def _message(error: Mapping[str, Any]) -> str:
    """Return a message for someone who has never heard of pydantic."""
    if error["type"] == "extra_forbidden":
        return "There is no such field." if _is_shown(error) else "There is a field with an unknown name."
    if error["type"] == "missing" and tuple(error["loc"]) == ("body",):
        return "It is empty; send a JSON object."
    if error["type"] in _NO_OBJECT:
        return "This must be a JSON object."
    message: str = error["msg"]
    return message.removeprefix("Value error, ")


def _is_shown(error: Mapping[str, Any]) -> bool:
    """Return whether the name of an unknown field may be repeated: it comes from the caller and may be hostile."""
    return bool(_SAFE_NAME.fullmatch(str(error["loc"][-1])))


def _pointer(error: Mapping[str, Any]) -> str:
    """Return the location of an error: a JSON pointer into the body, or the name of a parameter."""
    where, *path = error["loc"] or ("body",)
    if error["type"] == "extra_forbidden" and not _is_shown(error):
        path = path[:-1]
    if where != "body":
        return str(path[0]) if path else str(where)
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')[:64]}" for step in path)


async def http_error(request: Request, error: Exception) -> Response:
    """Convert an HTTPException of FastAPI or Starlette."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for this class only
    slug = _SLUGS.get(error.status_code, "error")
    note_refusal(request.scope, slug)
    headers, detail = dict(error.headers or {}), str(error.detail)
    if error.status_code == 405:  # the framework names only the methods of one route
        headers["Allow"] = ", ".join(allowed_methods(request.scope))
        detail = f"This path supports {headers['Allow']}."
    elif error.status_code == 404 and (path := path_without_slash(request.scope)):
        detail = f"There is nothing at this path. Without the trailing slash it would be {path}."
    elif error.status_code == 404 and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "There is nothing at this path; see /openapi.json for all paths."
    return problem(error.status_code, slug, detail, instance_of(request.scope), headers=headers)


async def _ended_too_early(request: Request, _error: Exception) -> Response:
    # Nobody receives this response; handling the error keeps it out of the log.
    return problem(400, _SLUGS[400], "The body ended too early.", instance_of(request.scope))


async def _data_error(request: Request, error: Exception) -> Response:
    # A gap in our validation: the value is rejected all the same, and the gap is logged.
    log.error("PostgreSQL rejected a value that should have been validated: %s", type(error).__name__)
    return problem(422, _SLUGS[422], "A value cannot be stored.", instance_of(request.scope))


async def _database_error(request: Request, error: Exception) -> Response:
    """Handle a DataError of asyncpg wrapped by SQLAlchemy."""
    assert isinstance(error, DBAPIError)  # noqa: S101  registered for this class only
    cause = error.orig.__cause__ if error.orig else None
    if isinstance(cause, DataError):
        return await _data_error(request, cause)
    raise error


async def _unexpected_error(request: Request, _error: Exception) -> Response:
    # Starlette logs the traceback after this response.
    detail = "An internal error occurred; the server's log has details under this X-Request-ID."
    return problem(500, _SLUGS[500], detail, instance_of(request.scope))
