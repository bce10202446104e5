"""Signed links: where one is sent it alone decides, and credentials are not looked at."""

from urllib.parse import parse_qsl

from fastapi import Request, Response
from starlette.types import Scope

from src.routes.http.dependencies import parts_of
from src.routes.http.strict_query import Handler, PlainRoute

#: The parameters of a signed link; one alone makes a call one that was changed.
PARAMETERS = frozenset({"expires", "signature"})


def carries_link(scope: Scope) -> bool:
    """Return whether a call was made by a signed link, whatever was done to it."""
    query: bytes = scope["query_string"]
    return bool(query) and any(
        name in PARAMETERS for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    )


class LinkedRoute(PlainRoute):
    """The route of a report, `{file}` in its path: a link is judged before anything else is looked at."""

    def checking_query(self, handle: Handler) -> Handler:
        """Wrap a handler so that a link is judged, or else the query checked."""
        handle_strictly = super().checking_query(handle)

        async def judge_link(request: Request) -> Response:
            if not carries_link(request.scope):
                return await handle_strictly(request)
            parts = parts_of(request)
            parts.links.check(request.path_params["file"], request.scope["query_string"], parts.now())
            return await handle(request)

        return judge_link
