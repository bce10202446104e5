"""The link to the next page of a list (RFC 8288)."""

from typing import Any

from fastapi import Request, Response

#: For the OpenAPI document.
LINK_HEADER: dict[str, Any] = {
    "Link": {"schema": {"type": "string"}, "description": 'The next page, with `rel="next"` (RFC 8288).'}
}


def link_to_next(request: Request, response: Response, next_cursor: str | None) -> None:
    """Link to the next page, if there is one."""
    if next_cursor:
        next_url = request.url.include_query_params(cursor=next_cursor)
        response.headers["link"] = f'<{next_url.path}?{next_url.query}>; rel="next"'
