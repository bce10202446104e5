"""`/docs` and `/redoc`, self-contained: everything they load is served by this server."""

from collections.abc import Callable
from functools import partial
from importlib.resources import files

from fastapi import FastAPI

from src.routes.site.fixed_documents import FixedDocument

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
    html, script = "text/html", "text/javascript"
    _serve(app, "/docs", _DOCS.encode, html)
    _serve(app, "/docs/start.js", _DOCS_START.encode, script)
    _serve(app, "/redoc", _REDOC.encode, html)
    _serve(app, f"{ASSETS}/swagger-ui-bundle.js", partial(_asset, "swagger-ui-bundle.js"), script)
    _serve(app, f"{ASSETS}/swagger-ui.css", partial(_asset, "swagger-ui.css"), "text/css")
    _serve(app, f"{ASSETS}/redoc.standalone.js", _redoc_script, script)


def _serve(app: FastAPI, path: str, make: Callable[[], bytes], media_type: str) -> None:
    app.get(path, include_in_schema=False)(FixedDocument(make, media_type).answer)


def _asset(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()


def _redoc_script() -> bytes:
    return _asset("redoc.standalone.js").replace(_REMOTE_LOGO, _NO_LOGO)
