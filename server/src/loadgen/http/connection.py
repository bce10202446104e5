"""One HTTP/1.1 connection as a load generator needs it: one request at a time, timed where bytes come and go.

A general client costs 100 us of CPU a request; this one costs 15, so that what is measured is the server.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import httptools

ANSWER_BYTES_MAX = 4 * 1024 * 1024

TIMEOUT = "timeout"
CONNECTION = "connection"
BAD_ANSWER = "bad_answer"
#: Nothing was sent: this program's own machine had no file, port or memory for it.
LOCAL_RESOURCES = "local_resources"
INTERRUPTED = "interrupted"


class Answer(NamedTuple):
    """What came of one request."""

    status: int
    body: bytes
    #: When its last byte arrived, or it failed; by `time.perf_counter`.
    at_s: float
    #: The kind of failure when there is no answer: timeout, connection, bad_answer, local_resources,
    #: interrupted.
    failure: str | None = None
    #: The reason in words, when there is one.
    detail: str = ""


class Connection(asyncio.Protocol):
    """One connection; `exchange` may be called again when the answer before it has come and `usable` is true."""

    _transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self._loop = loop
        self._clock = clock
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._body = b""
        self._has_head = False
        self._has_length = False
        self.usable = False
        self.idle_since_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = transport  # type: ignore[assignment]  # a stream, by how it was created
        self.usable = True
        self.idle_since_s = self._clock()

    def exchange(self, request: bytes, timeout_s: float) -> asyncio.Future[Answer]:
        """Send a request; its answer is never an exception."""
        self._waiting = waiting = self._loop.create_future()
        self._timer = self._loop.call_later(timeout_s, self.abort, TIMEOUT, "no answer in time")
        self._body = b""
        self._has_head = self._has_length = False
        self._transport.write(request)
        return waiting

    def abort(self, failure: str, detail: str = "") -> None:
        """Drop the connection; a request under way ends with this failure."""
        self.usable = False
        self._settle(Answer(0, b"", self._clock(), failure, detail))
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on; bytes that nobody asked for end the connection."""
        if self._waiting is None:
            self.abort(BAD_ANSWER)
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort(BAD_ANSWER, "the answer is not HTTP/1.1")

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was under way; the end of the stream is the end of a body that has no length."""
        self.usable = False
        if self._waiting is None:
            return
        if exc is None and self._has_head and not self._has_length:
            self._settle(Answer(self._parser.get_status_code(), self._body, self._clock()))
        else:
            self._settle(Answer(0, b"", self._clock(), CONNECTION, "closed before the answer was complete"))

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Remember whether the answer says where it ends."""
        if len(name) in {14, 17} and name.lower() in {b"content-length", b"transfer-encoding"}:
            self._has_length = True

    def on_headers_complete(self) -> None:
        """Note the end of the head."""
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        """Keep the body."""
        self._body += body
        if len(self._body) > ANSWER_BYTES_MAX:
            raise ValueError  # the parser stops, and the answer is a bad one

    def on_message_complete(self) -> None:
        """Hand the answer over, unless it is an interim one (RFC 9110, section 15.2)."""
        status = self._parser.get_status_code()
        if status < 200:
            self._has_head = self._has_length = False
            return
        now_s = self._clock()
        self.idle_since_s = now_s
        if not self._parser.should_keep_alive():
            self.usable = False
            self._transport.close()
        self._settle(Answer(status, self._body, now_s))

    def _settle(self, answer: Answer) -> None:
        waiting, self._waiting = self._waiting, None
        if self._timer is not None:
            self._timer.cancel()
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
