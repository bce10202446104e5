"""`/docs` and `/redoc`, self-contained: everything they load is served by this server."""

from importlib.resources import as_file, files

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

ASSETS = "/docs-assets"
#: ReDoc loads its vendor's logo from here, and omits it if it cannot be loaded.
_REMOTE_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_LOGO = b"data:,"

_DOCS = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Financial Report Generator: API</title><link rel="stylesheet" href="{ASSETS}/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="{ASSETS}/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""

# A separate script, because the content security policy forbids inline scripts.
_DOCS_START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, displayRequestDuration: true,
  tryItOutEnabled: true, defaultModelsExpandDepth: 0,
});
"""

_REDOC = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Financial Report Generator: API reference</title></head>
<body><redoc spec-url="/openapi.json"></redoc><script src="{ASSETS}/redoc.standalone.js"></script></body></html>
"""


def install(app: FastAPI) -> None:
    """Add the pages and their assets."""
    with as_file(files("fastapi_offline") / "static") as folder:
        redoc_script = (folder / "redoc.standalone.js").read_bytes().replace(_REMOTE_LOGO, _NO_LOGO)

        @app.get(f"{ASSETS}/redoc.standalone.js", include_in_schema=False)
        async def redoc_standalone() -> Response:
            return Response(redoc_script, media_type="text/javascript")

        app.mount(ASSETS, StaticFiles(directory=folder), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_DOCS)

    @app.get("/docs/start.js", include_in_schema=False)
    async def docs_start() -> Response:
        return Response(_DOCS_START, media_type="text/javascript")

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        return HTMLResponse(_REDOC)
