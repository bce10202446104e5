"""Methods of a path: HEAD wherever GET is answered (RFC 9110, section 9.1), and which ones a 405 has to name."""

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


class HeadMiddleware:
    """Answers HEAD as GET without the body, where no operation answers it by itself."""

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
