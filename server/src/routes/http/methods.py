"""HEAD for every GET operation, and the hints in 405 and 404 responses."""

from typing import Any

from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Routes for files, such as those of the page, match any method and reject most of them themselves.
_METHODS_OF_FILES = ("GET", "HEAD")


def allowed_methods(scope: Scope) -> tuple[str, ...]:
    """Return every method that an operation at this path supports (RFC 9110, 15.5.6)."""
    exact = _methods_of_this_very_path(scope)
    methods = tuple(method for method in _METHODS if (method in exact if exact else _is_supported(scope, method)))
    if methods[:1] == ("GET",):
        return "GET", "HEAD", *methods[1:]
    return methods or _METHODS_OF_FILES


def _methods_of_this_very_path(scope: Scope) -> set[str]:
    """Return the methods of routes without parameters: `/api/requests/counts` is not the request of that id."""
    routes: list[Any] = scope["app"].router.routes
    found = (route for route in routes if getattr(route, "path", None) == scope["path"])
    return {method for route in found for method in getattr(route, "methods", None) or ()}  # a WebSocket has none


def path_without_slash(scope: Scope) -> str | None:
    """Return the route that would match without the trailing slash, or None.

    The result is the path template of the OpenAPI document, so nothing of the request is repeated. There is no
    redirect, because clients may turn a redirected POST into a GET (RFC 9110, 15.4.2).
    """
    path: str = scope["path"]
    if not path.endswith("/"):
        return None
    without_slash = {**scope, "path": path.rstrip("/")}
    routes: list[Any] = scope["app"].router.routes
    found = (
        route for route in routes if not isinstance(route, Mount) and route.matches(without_slash)[0] is not Match.NONE
    )
    return next((route.path for route in found), None)


class HeadMiddleware:
    """Handles HEAD as GET without the body (RFC 9110, 9.1), unless an operation handles HEAD itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or _is_supported(scope, "HEAD"):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"} if _is_supported(scope, "GET") else scope
        await self._app(asked, receive, send_head)
        if "route" in asked:
            scope["route"] = asked["route"]  # for whoever names calls by their routes


def _is_supported(scope: Scope, method: str) -> bool:
    routes: list[Any] = scope["app"].router.routes
    asked = {**scope, "method": method}
    return any(not isinstance(route, Mount) and route.matches(asked)[0] is Match.FULL for route in routes)
