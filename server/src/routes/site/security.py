"""How the OpenAPI document says who may call what: Swagger's *Authorize* takes a key from it."""

from typing import Any

from src.routes.http.problems import responses
from src.routes.http.scopes import PUBLIC, access_to

BEARER, API_KEY, TICKET = "bearer", "apiKey", "ticket"
#: Operations that a ticket opens as well.
STREAMS = frozenset({"/api/events"})
SCHEMES = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key (`frg_…`), or a token (JWT) of `JWT_ISSUER`.",
    },
    API_KEY: {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, in another header."},
    TICKET: {
        "type": "apiKey",
        "in": "query",
        "name": "ticket",
        "description": "For event streams in browsers: of `POST /api/ws/tickets`, good once, within 30 s.",
    },
}
CHALLENGE = {
    "WWW-Authenticate": {
        "schema": {"type": "string"},
        "description": "How to authenticate, and what was wrong (RFC 6750, section 3).",
        "example": 'Bearer realm="financial-report-generator", error="invalid_token"',
    }
}


def with_security(document: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """Add to each operation what it asks of its caller, and the problems of who does not have it.

    Args:
        document: is changed, and returned.
        required: whether credentials are required.
    """
    document["components"]["securitySchemes"] = SCHEMES
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            access = access_to(method.upper(), path)
            if access is PUBLIC:
                operation["security"] = []
                continue
            ways: list[dict[str, list[str]]] = [{BEARER: []}, {API_KEY: []}]
            if path in STREAMS:
                ways.append({TICKET: []})
            # Tools for older versions know scopes of OAuth alone.
            operation["x-scopes"] = access.scopes
            if access.by_link or (not required and access.in_open_mode):
                ways.append({})
            operation["security"] = ways
            answers = operation["responses"]
            refused = responses(400, 401, 403, 429, 503)
            answers.update({str(status): answer for status, answer in refused.items() if str(status) not in answers})
            for status in ("401", "403"):
                answers[status] = {**answers[status], "headers": {**CHALLENGE, **answers[status].get("headers", {})}}
    return document
