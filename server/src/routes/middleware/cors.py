"""Which pages of other origins may use the API: exactly those that are named, and never with cookies."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from src.routes.http.problems import instance_of, problem

METHODS = ("GET", "HEAD", "POST", "DELETE")
#: What a page may send, beyond what any page may.
REQUEST_HEADERS = (
    "Authorization",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-API-Key",
    "X-Idempotency-Key",
    "X-Request-ID",
    "traceparent",
)
#: What a page may read, beyond what any page may.
ANSWER_HEADERS = (
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)


class CrossOriginMiddleware(CORSMiddleware):
    """Starlette's, except that a refusal is a problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or pass on and tell the browser who may read the answer."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            headers = Headers(scope=scope)
            is_preflight = "origin" in headers and "access-control-request-method" in headers
            if is_preflight and self.preflight_response(headers).status_code != 200:
                detail = "Pages of this origin may not send this request: see CORS_ALLOWED_ORIGINS."
                refusal = problem(400, "cross-origin", detail, instance_of(scope), headers={"vary": "Origin"})
                await refusal(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def cross_origin(origins: Collection[str]) -> list[Middleware]:
    """Let pages of these origins in; without any, browsers keep all pages but ours out."""
    if not origins:
        return []
    return [
        Middleware(
            CrossOriginMiddleware,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
        )
    ]
