"""The page: the built client, on the same port as the API. Without it, a sentence that says how to build it."""

import os
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

IMMUTABLE = "public, max-age=31536000, immutable"
#: What belongs to the server: a path below these that it does not know is a 404, not the page.
SERVER_PATHS = ("api/", "docs", "redoc", "openapi.json", "metrics")

_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Financial Report Generator</title></head>
<body><h1>Financial Report Generator</h1>
<p>The API is running; see <a href="/docs">/docs</a>. The page has not been built: install Node.js 20 or newer and run
<code>make run</code> again, or <code>npm ci &amp;&amp; npm run build</code> in <code>client/</code>.</p></body></html>
"""


class HashedFiles(StaticFiles):
    """Files whose names change with their content, so that a browser need never ask again."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Serve a file for ever."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = IMMUTABLE
        return response


def install(app: FastAPI, folder: Path) -> None:
    """Serve the built client from a folder, or say that it is not there."""
    index = folder / "index.html"
    if not index.is_file():

        @app.get("/", include_in_schema=False)
        async def not_built() -> HTMLResponse:
            return HTMLResponse(_NOT_BUILT)

        return

    app.mount("/assets", HashedFiles(directory=folder / "assets"), name="assets")
    root = folder.resolve()

    @app.head("/{path:path}", include_in_schema=False)
    @app.get("/{path:path}", include_in_schema=False)
    async def page(path: str) -> FileResponse:
        if path.startswith(SERVER_PATHS) or path == "api" or "\0" in path:
            raise HTTPException(404, "There is nothing here.")
        file = (root / path).resolve()
        # A path of the client's own, such as /history, is the page; a file beside it, such as the icon, is itself.
        wanted = file if file.is_relative_to(root) and file.is_file() else index
        return FileResponse(wanted, headers={"cache-control": "no-cache"})
