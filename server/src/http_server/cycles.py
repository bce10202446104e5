"""Uvicorn's cycle of request and answer, which a stop ends quietly, and which does more where a request asks for it."""

import asyncio

from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from src.http_server.refusals import METHODS, STOPPING
from src.logs import new_call_id


class Cycle(RequestResponseCycle):
    """Of any request. Only a stop cancels the app's work, which is no fault of the app's."""

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Answer 503 where the work is cancelled; close, where its answer has begun."""

        async def ending_quietly(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                await self._stop()

        await super().run_asgi(ending_quietly)

    async def _stop(self) -> None:
        if self.response_started:
            self.disconnected = True
            self.transport.close()
            return
        body = STOPPING.problem()
        fields = [
            *STOPPING.fields,
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", new_call_id().encode("ascii")),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": STOPPING.status, "headers": fields})
        await self.send({"type": "http.response.body", "body": body})


class ExpectingCycle(Cycle):
    """Of a request with `Expect: 100-continue`.

    An answer that comes without the 100 may also come without the body, or before it: what follows on the
    connection could be either the body or the next request, so it is closed (RFC 9110, 10.1.1).
    """

    _is_asked_for = False

    async def receive(self) -> ASGIReceiveEvent:
        """Ask for the body."""
        self._is_asked_for = self._is_asked_for or self.waiting_for_100_continue
        return await super().receive()

    async def send(self, message: ASGISendEvent) -> None:
        """Answer; and close, where the body was not asked for and is not there."""
        if message["type"] == "http.response.start" and self.more_body and not self._is_asked_for:
            self.keep_alive = False
        await super().send(message)


class OldCycle(Cycle):
    """Of HTTP/1.0, which knows no chunks: an answer of unknown length ends with the connection (RFC 9112, 6.1)."""

    _has_length = False

    async def send(self, message: ASGISendEvent) -> None:
        """Answer without chunks."""
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            self.chunked_encoding = None if self._has_length else False
        elif message["type"] == "http.response.body" and not self._has_length:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


async def whole_server(_scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Answer `OPTIONS *`, which asks about the server and no resource (RFC 9110, 9.3.7)."""
    fields = [(b"allow", METHODS), (b"x-request-id", new_call_id().encode("ascii"))]
    await send({"type": "http.response.start", "status": 204, "headers": fields})
    await send({"type": "http.response.body", "body": b""})
