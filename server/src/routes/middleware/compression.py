"""Compresses long lists for the page: chosen GET routes, nothing else."""

import re

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from src.routes.http.codings import accepts_coding

#: Shorter answers fit into a packet anyway.
MIN_BYTES = 1024
#: 200 rows of history, 105 KB, become 15 KB in 1.2 ms; level 9 takes four times as long for a fiftieth less.
_LEVEL = 5
#: Beyond it zlib works in a thread: less than 1 ms of the event loop's time.
_THREAD_FROM_BYTES = 64 * 1024

#: What is compressed. The length of a compressed answer tells whether something that an attacker chose is like
#: something secret in it (BREACH). So no answer that can hold a secret, a signature, a link or a ticket may be here,
#: nor one that has a strong `ETag`, which would have to differ for each coding; neither are answers to a POST, which
#: keeps submissions as quick as they are.
COMPRESSED = re.compile(
    r"/api/(?:requests|requests/counts|queue|queue/fifo-proof|health/last-hour|benchmark/(?:runs(?:/[^/]+)?|comparison))",
    re.ASCII,
)


class CompressionMiddleware:
    """Passes the chosen routes through Starlette's gzip, and every other call by it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, MIN_BYTES, _LEVEL, _THREAD_FROM_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        if scope["type"] != "http" or scope["method"] != "GET" or not COMPRESSED.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        # Starlette looks for the word alone, which `gzip;q=0` has as well, and `*` has not.
        headers = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        if accepts_coding(scope, "gzip"):
            headers.append((b"accept-encoding", b"gzip"))
        await self._gzip({**scope, "headers": headers}, receive, send)
