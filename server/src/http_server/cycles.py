"""Uvicorn's request-response cycle, with a clean shutdown and the rules of RFC 9110 and 9112 it does not follow."""

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
    """The cycle of an ordinary request. Only a shutdown cancels the app, so a cancellation is not an app error."""

    async def run_asgi(self, app: ASGI3Application) -> None:
        """Run the app; if it is cancelled, respond 503, or close when the response has already started."""

        async def handle_cancellation(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                await self._respond_stopping()

        await super().run_asgi(handle_cancellation)

    async def _respond_stopping(self) -> None:
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


class Expect100Cycle(Cycle):
    """The cycle of a request with `Expect: 100-continue`.

    After a final response that was not preceded by a 100, the client may or may not still send the body. What follows
    on the connection is then ambiguous, body or next request, so the connection is closed (RFC 9110, 10.1.1).
    """

    _body_requested = False

    async def receive(self) -> ASGIReceiveEvent:
        """Receive an event; the first call sends `100 Continue`."""
        self._body_requested = self._body_requested or self.waiting_for_100_continue
        return await super().receive()

    async def send(self, message: ASGISendEvent) -> None:
        """Send an event; disable keep-alive if the body was neither requested nor received."""
        if message["type"] == "http.response.start" and self.more_body and not self._body_requested:
            self.keep_alive = False
        await super().send(message)


class Http10Cycle(Cycle):
    """The cycle of an HTTP/1.0 request.

    HTTP/1.0 has no chunked coding: a response of unknown length is delimited by the end of the connection
    (RFC 9112, 6.1).
    """

    _has_length = False

    async def send(self, message: ASGISendEvent) -> None:
        """Send an event without chunked coding."""
        if message["type"] == "http.response.start":
            self._has_length = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            self.chunked_encoding = None if self._has_length else False
        elif message["type"] == "http.response.body" and not self._has_length:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


async def server_options(_scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    """Respond to `OPTIONS *`, which applies to the server rather than to a resource (RFC 9110, 9.3.7)."""
    fields = [(b"allow", METHODS), (b"x-request-id", new_call_id().encode("ascii"))]
    await send({"type": "http.response.start", "status": 204, "headers": fields})
    await send({"type": "http.response.body", "body": b""})
