"""A limit on the size of request bodies. Starlette has one too, but responds with plain text instead of a problem."""

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.routes.http.problems import instance_of, note_refusal, problem

BODY_BYTES_MAX = 64 * 1024


class BodyLimitMiddleware:
    """Rejects a body by its `Content-Length`, or as soon as the received bytes exceed the limit.

    Args:
        app: what comes after.
        larger: the limits of paths that take more than `BODY_BYTES_MAX`, in bytes.
    """

    def __init__(self, app: ASGIApp, *, larger: Mapping[str, int] = MappingProxyType({})) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        at_most = self._larger.get(scope["path"], BODY_BYTES_MAX)
        announced = Headers(scope=scope).get("content-length", "0")
        # The HTTP parser has checked that it is a number; one with many digits is too large without converting it.
        if len(announced) > 9 or int(announced) > at_most:
            note_refusal(scope, "body-too-large")
            await problem(413, "body-too-large", _too_large(at_most), instance_of(scope))(scope, receive, send)
            return
        read_bytes = 0

        async def receive_limited() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > at_most:
                raise HTTPException(413, _too_large(at_most))
            return message

        await self._app(scope, receive_limited, send)


def _too_large(at_most: int) -> str:
    return f"A body may have at most {at_most:,} bytes."
