"""A limit on the size of request bodies. Starlette has one too, but responds with plain text instead of a problem."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.routes.http.problems import instance_of, note_refusal, problem

BODY_BYTES_MAX = 64 * 1024
TOO_LARGE = f"A body may have at most {BODY_BYTES_MAX:,} bytes."


class BodyLimitMiddleware:
    """Rejects a body by its `Content-Length`, or as soon as the received bytes exceed the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        # The HTTP parser has checked that it is a number; one with many digits is too large without converting it.
        if len(announced) > 9 or int(announced) > BODY_BYTES_MAX:
            note_refusal(scope, "body-too-large")
            await problem(413, "body-too-large", TOO_LARGE, instance_of(scope))(scope, receive, send)
            return
        read_bytes = 0

        async def receive_limited() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > BODY_BYTES_MAX:
                raise HTTPException(413, TOO_LARGE)
            return message

        await self._app(scope, receive_limited, send)
