"""Security headers for browsers, and default caching headers."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The header's name.
POLICY = "content-security-policy"


def content_security_policy(scripts: Sequence[str] = (), styles: Sequence[str] = ()) -> str:
    """Build a policy that allows only this server and the given additional sources, such as hashes."""
    from_scripts, from_styles = (" ".join(["'self'", *sources]) for sources in (scripts, styles))
    return (
        f"default-src 'self'; script-src {from_scripts}; style-src {from_styles}; "
        "connect-src 'self' ws: wss:; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    )


# Swagger UI and ReDoc insert style elements, and ReDoc runs its search in a worker created from a blob.
_DOCS = content_security_policy(styles=["'unsafe-inline'"]) + "; worker-src blob:"
DOCS_PATHS = ("/docs", "/redoc")

_EVERYWHERE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # Not even as an image or a script. Pages in CORS_ALLOWED_ORIGINS use CORS requests, which this does not affect.
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]
_FOR_DOCS = [*_EVERYWHERE, (POLICY.encode("ascii"), _DOCS.encode("ascii"))]
_FOR_THE_REST = [*_EVERYWHERE, (POLICY.encode("ascii"), content_security_policy().encode("ascii"))]

#: File names below this path contain a hash of their content.
HASHED_FILES = "/assets/"
IMMUTABLE = b"public, max-age=31536000, immutable"


class SecurityHeadersMiddleware:
    """Adds the headers to every response, except those the operation has set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = _FOR_DOCS if scope["path"].startswith(DOCS_PATHS) else _FOR_THE_REST

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                caching = (b"cache-control", _caching(scope["path"], message["status"]))
                headers = message.get("headers", ())
                own = {name for name, _ in headers}
                missing = [pair for pair in (*added, caching) if pair[0] not in own]
                message["headers"] = [*headers, *missing]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _caching(path: str, status: int) -> bytes:
    """Return the default `Cache-Control` of a response."""
    if path.startswith("/api/"):
        return b"no-store"
    return IMMUTABLE if path.startswith(HASHED_FILES) and status == 200 else b"no-cache"
