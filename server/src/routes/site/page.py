"""The page: the built client, on the same port as the API. Without it, a sentence that says how to build it."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

from src.routes.http.problems import http_error

#: The addresses of the page; the client's router knows the same (`client/src/lib/paths.ts`), which a test compares.
PAGE_PATHS = ("/", "/queue", "/history", "/tests", "/api-explorer")
#: What belongs to the server: a path below these that it does not know is a problem, not the page.
SERVER_PATHS = ("/api/", "/assets/", "/docs", "/redoc", "/openapi.json", "/metrics", "/.well-known/")

_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Financial Report Generator</title></head>
<body><h1>Financial Report Generator</h1>
<p>The API is running; see <a href="/docs">/docs</a>. The page has not been built: install Node.js 20.19 or newer and
run <code>make run</code> again, or <code>npm ci &amp;&amp; npm run build</code> in <code>client/</code>.</p>
</body></html>
"""


def install(app: FastAPI, folder: Path) -> None:
    """Serve the built client from a folder, or say that it is not there."""
    index = folder / "index.html"
    if not index.is_file():
        app.add_api_route("/", _not_built, include_in_schema=False)
        return

    async def page() -> FileResponse:
        return FileResponse(index)

    async def page_or_problem(request: Request, error: Exception) -> Response:
        """Show people the page, which says that there is nothing; tell programs, and what is not ours, a problem."""
        if _is_navigation(request) and not f"{request.url.path}/".startswith(SERVER_PATHS):
            return FileResponse(index, 404)
        return await http_error(request, error)

    for path in PAGE_PATHS:
        app.add_api_route(path, page, include_in_schema=False)
    app.add_exception_handler(404, page_or_problem)
    app.frontend("/", directory=folder, fallback=None, check_dir=True)


async def _not_built() -> HTMLResponse:
    return HTMLResponse(_NOT_BUILT)


def _is_navigation(request: Request) -> bool:
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("accept", "")
