"""The page: the built client, on the same port as the API. If it is not built, a page that says how to build it."""

import asyncio
import re
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from src.routes.http.codings import accepts_coding
from src.routes.http.problems import http_error
from src.routes.middleware.security_headers import HASHED_FILES, POLICY, content_security_policy

#: The paths of the page. A test keeps them equal to those of the client's router (`client/src/lib/paths.ts`).
PAGE_PATHS = ("/", "/queue", "/history", "/tests", "/health", "/api-explorer", "/account")
#: Paths that belong to the server: an unknown path below these gets a problem, not the page.
SERVER_PATHS = ("/api/", "/assets/", "/docs", "/redoc", "/openapi.json", "/metrics", "/.well-known/")

_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Financial Report Generator</title></head>
<body><h1>Financial Report Generator</h1>
<p>The API is running; see <a href="/docs">/docs</a>. The page has not been built: install Node.js 20.19 or newer and
run <code>make run</code> again, or <code>npm ci &amp;&amp; npm run build</code> in <code>client/</code>.</p>
</body></html>
"""


#: Suffixes of the precompressed files of the build (`client/scripts/compress.mjs`), best coding first.
CODINGS = {"br": ".br", "gzip": ".gz"}

_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


class BuiltFiles(StaticFiles):
    """The files of the build, each in the best precompressed coding the client accepts.

    Each coding is a representation with its own `ETag` (RFC 9110, 8.8.3.3). Ranges always apply to the uncompressed
    file, so that nobody combines bytes of two codings.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Respond with a file, its compressed form, or 304.

        Raises:
            HTTPException: 404, also for the name of a compressed file, which is not a resource of its own.
        """
        if path.endswith(tuple(CODINGS.values())):
            raise HTTPException(404)
        response = await self._compressed(path, scope) or await super().get_response(path, scope)
        response.headers["vary"] = "Accept-Encoding"
        return response

    async def _compressed(self, path: str, scope: Scope) -> Response | None:
        if any(name == b"range" for name, _ in scope["headers"]):
            return None
        for coding, suffix in CODINGS.items():
            if accepts_coding(scope, coding):
                try:
                    response = await super().get_response(path + suffix, scope)
                except HTTPException:
                    continue
                response.headers["content-encoding"] = coding
                return response
        return None


def install(app: FastAPI, folder: Path) -> None:
    """Serve the built client from a folder, or a page that says it is not built."""
    index = folder / "index.html"
    if not index.is_file():
        app.add_api_route("/", _not_built, include_in_schema=False)
        return
    files = BuiltFiles(directory=folder)

    async def page(request: Request) -> Response:
        response = await files.get_response(index.name, request.scope)
        response.headers[POLICY] = await asyncio.to_thread(_policy_of, index)
        return response

    async def page_or_problem(request: Request, error: Exception) -> Response:
        """Serve browsers the page, which shows that nothing is there; programs and server paths get a problem."""
        if not _is_navigation(request) or f"{request.url.path}/".startswith(SERVER_PATHS):
            return await http_error(request, error)
        # Without preconditions and ranges: they do not apply to a 404 (RFC 9110, 13.2.1 and 14.2).
        kept = [pair for pair in request.scope["headers"] if pair[0] == b"accept-encoding"]
        response = await page(Request({**request.scope, "headers": kept}))
        response.status_code = 404
        return response

    for path in PAGE_PATHS:
        app.add_api_route(path, page, include_in_schema=False)
    app.add_exception_handler(404, page_or_problem)
    app.mount(HASHED_FILES.rstrip("/"), BuiltFiles(directory=folder / "assets", check_dir=False), name="built-files")
    app.frontend("/", directory=folder, fallback=None, check_dir=True)


def _policy_of(index: Path) -> str:
    """Allow the inline scripts and styles of the page, which paint it before anything else is loaded, by hash."""
    return _policy_at(index, index.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _policy_at(index: Path, _changed_at_ns: int) -> str:
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for name, text in _INLINE.findall(index.read_bytes()):
        hashes[name.decode()].append(f"'sha256-{b64encode(sha256(text).digest()).decode()}'")
    return content_security_policy(scripts=hashes["script"], styles=hashes["style"])


async def _not_built() -> HTMLResponse:
    return HTMLResponse(_NOT_BUILT)


def _is_navigation(request: Request) -> bool:
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("accept", "")
