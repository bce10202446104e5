"""CORS: pages of the configured origins may use the API, never with credentials."""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from src.routes.http.problems import instance_of, problem

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
#: Request headers a page may send in addition to the CORS-safelisted ones.
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
#: Response headers a page may read in addition to the CORS-safelisted ones.
RESPONSE_HEADERS = (
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
    """Starlette's middleware, except that a rejected preflight gets a problem."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
    """Build the middleware for these origins. Without any there is none, and only our own page may use the API."""
    if not origins:
        return []
    return [
        Middleware(
            CrossOriginMiddleware,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=REQUEST_HEADERS,
            expose_headers=RESPONSE_HEADERS,
        )
    ]
