"""Methods of a path, and what was meant by a wrong one: HEAD wherever GET is answered, hints for a 405 and a 404."""

from typing import Any

from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Files, such as those of the page, are served by routes that take any method and refuse most of them themselves.
_METHODS_OF_FILES = ("GET", "HEAD")


def allowed_methods(scope: Scope) -> tuple[str, ...]:
    """Name every method that some operation at this path answers (RFC 9110, section 15.5.6)."""
    methods = tuple(method for method in _METHODS if _is_answered(scope, method))
    if methods[:1] == ("GET",):
        return "GET", "HEAD", *methods[1:]
    return methods or _METHODS_OF_FILES


def path_without_slash(scope: Scope) -> str | None:
    """Name the route that was meant where a slash at the end of a path leads nowhere; None: there is none.

    It is named as the document names it: nothing of the request is repeated. Nobody is redirected, because a client
    may turn the POST that it should send again into a GET (RFC 9110, section 15.4.2).
    """
    path: str = scope["path"]
    if not path.endswith("/"):
        return None
    meant = {**scope, "path": path.rstrip("/")}
    routes: list[Any] = scope["app"].router.routes
    found = (route for route in routes if not isinstance(route, Mount) and route.matches(meant)[0] is not Match.NONE)
    return next((route.path for route in found), None)


class HeadMiddleware:
    """Answers HEAD as GET without the body (RFC 9110, section 9.1), where no operation answers it by itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, a HEAD as a GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or _is_answered(scope, "HEAD"):
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"} if _is_answered(scope, "GET") else scope, receive, send_head)


def _is_answered(scope: Scope, method: str) -> bool:
    routes: list[Any] = scope["app"].router.routes
    asked = {**scope, "method": method}
    return any(not isinstance(route, Mount) and route.matches(asked)[0] is Match.FULL for route in routes)
