"""A minimal HTTP/1.1 client connection: one request at a time, timed where bytes are sent and received.

A general-purpose client takes 100 us of CPU per request; this one takes 15, so that the measurement shows the server.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import httptools

RESPONSE_BYTES_MAX = 4 * 1024 * 1024

TIMEOUT = "timeout"
CONNECTION = "connection"
BAD_RESPONSE = "bad_answer"
#: Nothing was sent: this machine had no file, port or memory left.
LOCAL_RESOURCES = "local_resources"
INTERRUPTED = "interrupted"


class Response(NamedTuple):
    """The outcome of one request: a response, or a failure."""

    status: int
    body: bytes
    #: When its last byte arrived, or it failed; by `time.perf_counter`.
    at_s: float
    #: The kind of failure if there is no response: timeout, connection, bad_answer, local_resources, interrupted.
    failure: str | None = None
    #: A description of the failure, or empty.
    detail: str = ""


class Connection(asyncio.Protocol):
    """One connection. `exchange` may be called again once the previous response is complete and `usable` is true."""

    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._clock = clock
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Response] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._body = b""
        self._has_head = False
        self._has_length = False
        self.usable = False
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream, by how it was created
        self.usable = True
        self.idle_since_s = self._clock()

    def exchange(self, request: bytes, timeout_s: float) -> asyncio.Future[Response]:
        """Send a request. The future never raises: failures are values."""
        self._waiting = waiting = self._loop.create_future()
        self._timer = self._loop.call_later(timeout_s, self.abort, TIMEOUT, "no response in time")
        self._body = b""
        self._has_head = self._has_length = False
        self._transport.write(request)
        return waiting

    def abort(self, failure: str, detail: str = "") -> None:
        """Drop the connection; a request in flight ends with this failure."""
        self.usable = False
        self._resolve(Response(0, b"", self._clock(), failure, detail))
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse data; unsolicited bytes end the connection."""
        if self._waiting is None:
            self.abort(BAD_RESPONSE)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort(BAD_RESPONSE, "the response is not HTTP/1.1")

    def connection_lost(self, exc: Exception | None) -> None:
        """End a request in flight. End of stream delimits a body without a length."""
        self.usable = False
        if self._waiting is None:
            return
        if exc is None and self._has_head and not self._has_length:
            self._resolve(Response(self._parser.get_status_code(), self._body, self._clock()))
        else:
            self._resolve(Response(0, b"", self._clock(), CONNECTION, "closed before the response was complete"))

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Remember whether the response has a length or is chunked."""
        if len(name) in {14, 17} and name.lower() in {b"content-length", b"transfer-encoding"}:
            self._has_length = True

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > RESPONSE_BYTES_MAX:
            raise ValueError  # stops the parser, which makes it a bad response

    def on_message_complete(self) -> None:
        """Resolve the request, unless the response is an interim one (RFC 9110, 15.2)."""
        status = self._parser.get_status_code()
        if status < 200:
            self._has_head = self._has_length = False
            return
        now_s = self._clock()
        self.idle_since_s = now_s
        if not self._parser.should_keep_alive():
            self.usable = False
            self._transport.close()
        self._resolve(Response(status, self._body, now_s))

    def _resolve(self, response: Response) -> None:
        waiting, self._waiting = self._waiting, None
        if self._timer is not None:
            self._timer.cancel()
        if waiting is not None and not waiting.done():
            waiting.set_result(response)
