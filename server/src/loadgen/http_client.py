"""HTTP/1.1 as a load generator needs it: one request at a time on a kept connection, timed where bytes come and go.

A general client costs 100 us of CPU a request; this one costs 15, so that what is measured is the server.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

from src.loadgen.errors import CannotRun, printable

ANSWER_BYTES_MAX = 4 * 1024 * 1024
#: A connection that was idle for longer is not used again: the server may be closing it just now.
IDLE_S_MAX = 3.0
USER_AGENT = "financial-report-loadgen"

TIMEOUT = "timeout"
CONNECTION = "connection"
BAD_ANSWER = "bad_answer"
INTERRUPTED = "interrupted"


class Target(NamedTuple):
    """Where requests go."""

    scheme: str
    host: str
    port: int
    #: What every path begins with; empty or `/something`.
    prefix: str

    @property
    def authority(self) -> str:
        """The value of the `Host` header (RFC 9112, section 3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.scheme}://{self.authority}{self.prefix}"


def parse_target(url: str) -> Target:
    """Read a base URL.

    Raises:
        ValueError: it is none; the message is one sentence.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"{url!r} is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or " " in url.strip():
        raise ValueError(f"{url!r} is not a base URL such as http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{url!r} may have no user, query or fragment")
    return Target(
        parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/")
    )


class Answer(NamedTuple):
    """What came of one request."""

    status: int
    body: bytes
    #: When its last byte arrived, or it failed; by `time.perf_counter`.
    at_s: float
    #: The kind of failure when there is no answer: timeout, connection, bad_answer, interrupted.
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


class HttpClient:
    """Requests to one target over connections that are kept; the one used last is used first.

    Args:
        target: where to.
        timeout_s: for a whole exchange, and for connecting.
        headers: sent with every request.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        headers: Mapping[str, str],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.target = target
        self._timeout_s = timeout_s
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._tls = ssl.create_default_context() if target.scheme == "https" else None
        self._addresses: list[str] = []
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        given = {"Host": target.authority, "User-Agent": USER_AGENT, "Accept": "application/json", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in given.items())

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Write a request once, to be sent many times."""
        head = f"{method} {self.target.prefix}{path} HTTP/1.1\r\n{self._head}"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode("latin-1") + b"\r\n" + (body or b"")

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and wait for what comes of it."""
        connection = self._kept() or await self._connect()
        if isinstance(connection, Answer):
            return connection
        answer = await connection.exchange(request, self._timeout_s)
        if connection.usable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        return answer

    async def open(self, count: int) -> None:
        """Connect before it counts, so that so many connections are ready."""
        opened = await asyncio.gather(*(self._connect() for _ in range(max(0, count - len(self._idle)))))
        self._idle += [connection for connection in opened if isinstance(connection, Connection)]

    def abort(self) -> None:
        """End every request under way as interrupted."""
        for connection in [*self._all]:
            connection.abort(INTERRUPTED)
        self._idle.clear()
        self._all.clear()

    async def find(self) -> None:
        """Look the host up, once.

        Raises:
            CannotRun: there is no such host.
        """
        target = self.target
        try:
            found = await self._loop.getaddrinfo(target.host, target.port, type=1)
        except OSError as error:
            raise CannotRun(f"There is no host {printable(target.host)}: {error.strerror}.") from None
        self._addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _kept(self) -> Connection | None:
        fresh_s = self._clock() - IDLE_S_MAX
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since_s > fresh_s:
                return connection
            connection.abort(CONNECTION)
            self._all.discard(connection)
        return None

    async def _connect(self) -> Connection | Answer:
        """Connect to the first address that answers; the next time it is tried first."""
        failed = Answer(0, b"", self._clock(), CONNECTION, "no address")
        for address in [*self._addresses]:
            try:
                async with asyncio.timeout(self._timeout_s):
                    connection = await self._dial(address)
            except TimeoutError:
                failed = Answer(0, b"", self._clock(), TIMEOUT, "connecting took too long")
            except OSError as error:
                failed = Answer(0, b"", self._clock(), CONNECTION, _reason(error))
            else:
                with contextlib.suppress(ValueError):
                    self._addresses.remove(address)
                self._addresses.insert(0, address)
                self._all.add(connection)
                return connection
        return failed

    async def _dial(self, address: str) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop, self._clock),
            address,
            self.target.port,
            ssl=self._tls,
            server_hostname=self.target.host if self._tls else None,
        )
        return connection


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return printable((error.strerror or str(error) or type(error).__name__).lower())
