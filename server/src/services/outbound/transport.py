"""The only way out to receivers: an httpx transport that connects to the addresses approved for this request alone.

It implements httpx's transport interface on aiohttp's connections, and is used without an httpx client. Measured with
this guard, a callback costs 2.3 times the CPU with the transport of httpx-aiohttp 0.2, 2.8 times behind an
`AsyncClient` too, and 3.5 times on httpx's own pool. httpx-aiohttp would replace neither the pinning, the limits nor
the error classification below, and it passes the URL to aiohttp as text, which quotes it again: it would no longer be
the URL that was checked.
"""

import asyncio
import errno
import ipaddress
import os
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http import HttpProcessingError
from yarl import URL

from src.services.outbound.callback_url import CallbackUrl
from src.services.outbound.guard import (
    LACKING,
    Address,
    AttemptFailed,
    Blocked,
    CallbackGuard,
    LacksResources,
    system_lookup,
)
from src.services.outbound.tls import OwnAuthorities, tls_context
from src.services.outbound.wire import HEAD_BYTES_MAX, HEAD_LINES_MAX, Wire

KEEPALIVE_IDLE_S = 15.0  # a connection that was idle for longer is not reused
BODY_CHUNK_BYTES = 16 * 1024
TLS_WORDS_CHARS_MAX = 200
STATUSES = range(200, 600)  # of a final response
#: llhttp's own message, which precedes the offending bytes of the response.
_PARSER_WORDS = re.compile(r"(?:Bad status line:\s+)?([A-Za-z0-9 /'`_.,()-]{1,100}):\n\n", re.ASCII)
_DROPPED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
#: Framing, routing and encoding are set by the transport alone, and responses never set a cookie (RFC 9110 7.6.1).
_NOT_FROM_THE_CALLER = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive", "te"}
    | {"proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade"}
)


#: aiohttp's address info of a connection to open: family, type, protocol, an empty canonical name, the socket address.
AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
OpenSocket = Callable[[AddressInfo], socket.socket]


def open_socket(info: AddressInfo) -> socket.socket:
    """Create an unconnected socket for an address info."""
    return socket.socket(*info[:3])


@dataclass(frozen=True, slots=True)
class Network:
    """Access to the network, injected so that tests can replace it.

    Args:
        lookup: the blocking DNS lookup for `ThreadResolver`.
        open_socket: creates the socket for an approved address.
        tls: creates the context of all connections, which trusts these authorities as well.
    """

    lookup: Callable[[str, int], list[Address]] = system_lookup
    open_socket: OpenSocket = open_socket
    tls: Callable[[OwnAuthorities], ssl.SSLContext] = tls_context


@dataclass(frozen=True, slots=True)
class Timings:
    """Durations of the phases of opening a connection, seconds; None for a phase that was not reached."""

    connect_s: float | None = None
    #: None without TLS as well.
    tls_s: float | None = None
    #: Measured from the open connection.
    first_byte_s: float | None = None
    certificate_expires_at: datetime | None = None


class _NotApprovedError(OSError):
    """The final check failed: this address was not approved by the guard."""


class _Pin(AbstractResolver):
    """Pins aiohttp to the approved addresses: names resolve to them, and a socket for any other is refused."""

    def __init__(self, open_socket: OpenSocket) -> None:
        self._open_socket = open_socket
        self.approved: tuple[Address, ...] = ()
        self.wire: Wire | None = None
        self.lack: int | None = None
        self.dialled_at_s: float | None = None

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_UNSPEC) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=0, flags=0)
            for address in self.approved
        ]

    async def close(self) -> None:
        pass

    def make_socket(self, info: AddressInfo) -> socket.socket:
        # The last check before connect(): aiohttp does not use the resolver if the URL's host is an address.
        if ipaddress.ip_address(str(info[4][0])) not in self.approved:
            raise _NotApprovedError
        self.dialled_at_s = asyncio.get_running_loop().time()
        try:
            return self._open_socket(info)
        except OSError as error:
            self.lack = error.errno if error.errno in LACKING else None  # aiohttp does not expose which of several
            raise

    def lack_behind(self, error: Exception) -> int | None:
        """Return the errno of the local resource whose lack prevented the connection; None if that is not the cause."""
        out_of_ports = isinstance(error, aiohttp.ClientConnectorError) and error.errno == errno.EADDRNOTAVAIL
        # On a machine without IPv6 an IPv6 address fails with the same errno, which is permanent.
        if out_of_ports and all(address.version == 4 for address in self.approved):
            return errno.EADDRNOTAVAIL
        return self.lack

    def make_wire(self) -> Wire:
        self.wire = Wire(asyncio.get_running_loop(), self.approved)
        return self.wire

    def kept(self) -> Wire | None:
        """Return the open connection if it can be reused; otherwise drop it."""
        wire = self.wire
        # Bytes received after the last response would be parsed as the next one.
        if wire is None or wire.peer not in self.approved or wire.received or wire.should_close:
            self.drop()
        return self.wire if self.wire is not None and self.wire.is_connected() else None

    def drop(self) -> None:
        """Abort the connection, if there is one."""
        wire, self.wire = self.wire, None
        if wire is not None:
            wire.abort()


class GuardedTransport(httpx.AsyncBaseTransport):
    """A transport to one receiver, over at most one connection.

    Each request must carry its `CallbackUrl` as the extension `callback_url`; it is checked again each time. The Host
    header, SNI and certificate verification use the original host name. There are no redirects, decompression,
    cookies, proxies or .netrc. The caller is responsible for the deadline.

    Args:
        receiver: `scheme://host:port`.
        guard: approves addresses for each request.
        tls: a context shared by all transports; creating one takes more than 10 ms.
        open_socket: creates the socket for an approved address; may raise OSError.
    """

    def __init__(
        self, receiver: str, guard: CallbackGuard, tls: ssl.SSLContext, open_socket: OpenSocket = open_socket
    ) -> None:
        self._receiver = receiver
        self._guard = guard
        self._tls = tls
        self._pin = _Pin(open_socket)
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and wait for the head of the response.

        Raises:
            AttemptFailed: there is no valid response; `error_code` classifies the reason.
        """
        url, target = self._target(request)
        self._pin.approved = await self._guard.check(url)
        self._pin.lack = None
        kept = self._pin.kept()
        body = await request.aread()
        try:
            answer = await self._send(request, target, body)
        except AttemptFailed:
            # The receiver may close an idle connection just as we send. If a reused connection returned no byte,
            # retry once on a new one: callbacks are at-least-once and carry a stable id.
            if kept is None or kept is not self._pin.wire or kept.received:
                raise
            answer = await self._send(request, target, body)
        if answer.status not in STATUSES:
            self._pin.drop()
            raise AttemptFailed("bad_http", "the response has an invalid HTTP status")
        # Without this header httpx does not decompress the body.
        headers = [(name, value) for name, value in answer.raw_headers if name.lower() != b"content-encoding"]
        # All headers as received, for the callback log.
        extensions = {"raw_headers": answer.raw_headers}
        return httpx.Response(
            answer.status, headers=headers, stream=_Body(answer, self._pin.wire), extensions=extensions
        )

    def _target(self, request: httpx.Request) -> tuple[CallbackUrl, URL]:
        url = request.extensions.get("callback_url")
        if not isinstance(url, CallbackUrl) or url.receiver != self._receiver or url.url != str(request.url):
            raise Blocked("the request does not carry its checked URL")
        target = URL(url.url, encoded=True)  # exactly as checked: not requoted
        if (target.scheme, target.raw_host, target.port) != (url.scheme, url.host, url.port):
            raise Blocked("two URL parsers disagree on it")
        return url, target

    async def _send(self, request: httpx.Request, target: URL, body: bytes) -> aiohttp.ClientResponse:
        headers = [pair for pair in request.headers.multi_items() if pair[0] not in _NOT_FROM_THE_CALLER]
        try:
            return await self._open().request(
                request.method,
                target,
                headers=[*headers, ("Accept-Encoding", "identity")],
                data=body,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            if (lack := self._pin.lack_behind(error)) is not None:
                raise LacksResources(lack) from error
            raise _failed(error, self._pin.wire) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = _new_session(self._pin, self._tls)
        return self._session

    def timings(self) -> Timings:
        """Return the time to open the latest connection; call it before the connection is closed."""
        wire, dialled_at_s = self._pin.wire, self._pin.dialled_at_s
        if wire is None or dialled_at_s is None:
            return Timings()
        has_tls = wire.open_at_s is not None and wire.certificate is not None
        return Timings(
            connect_s=wire.connected_at_s - dialled_at_s,
            tls_s=_between(wire.connected_at_s, wire.open_at_s) if has_tls else None,
            first_byte_s=_between(wire.open_at_s, wire.first_byte_at_s),
            certificate_expires_at=_certificate_end(wire.certificate),
        )

    async def aclose(self) -> None:
        """Close the connection; the next request opens a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _between(first_s: float | None, second_s: float | None) -> float | None:
    return None if first_s is None or second_s is None else second_s - first_s


def _certificate_end(certificate: Mapping[str, Any] | None) -> datetime | None:
    if not certificate:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


def _new_session(pin: _Pin, tls: ssl.SSLContext) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=1,
        ssl=tls,
        resolver=pin,
        use_dns_cache=False,
        socket_factory=pin.make_socket,
        keepalive_timeout=KEEPALIVE_IDLE_S,
    )
    # aiohttp has no public way to set the protocol class; tests fail if this attribute disappears.
    connector._factory = pin.make_wire  # type: ignore[assignment]  # noqa: SLF001
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(),  # none: the deadline around the attempt is the only one
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "User-Agent", "Content-Type"),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=BODY_CHUNK_BYTES,
        max_line_size=HEAD_BYTES_MAX,  # `Wire` enforces the limits; aiohttp's own must not be reached first
        max_field_size=HEAD_BYTES_MAX,
        max_headers=HEAD_LINES_MAX,
    )


class _Body(httpx.AsyncByteStream):
    """The body as received, not decompressed."""

    def __init__(self, answer: aiohttp.ClientResponse, wire: Wire | None) -> None:
        self._answer = answer
        self._wire = wire

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._answer.content.read(BODY_CHUNK_BYTES)
        except (aiohttp.ClientError, OSError) as error:
            raise _failed(error, self._wire) from error
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        self._answer.release()  # closes the connection unless the body is complete
        if self._wire is not None:
            self._wire.reset()


def _failed(error: Exception, wire: Wire | None) -> AttemptFailed:
    """Classify a failure in words of our own: aiohttp's exceptions contain bytes of the response."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__
    if isinstance(cause, _NotApprovedError) or (wire is not None and wire.refused):
        return Blocked("not the checked address")
    if isinstance(cause, ssl.SSLError):
        words = getattr(cause, "verify_message", None) or cause.reason or "handshake failed"
        return AttemptFailed("tls_failure", f"TLS failed: {ascii(words)[1:-1][:TLS_WORDS_CHARS_MAX]}")
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(cause, _DROPPED):
        words = os.strerror(error.errno) if error.errno else "no address responds"
        return AttemptFailed("connect_failed", f"no connection: {words}")
    return _no_response(error, wire)


def _no_response(error: Exception, wire: Wire | None) -> AttemptFailed:
    """Classify the lack of a valid response on an open connection."""
    if wire is None or not wire.received:
        return AttemptFailed("connection_reset", "the connection was closed without a response")
    if wire.over_limit:
        return AttemptFailed("bad_http", wire.over_limit)
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return AttemptFailed("bad_http", "the connection was closed before the head of the response was complete")
    return AttemptFailed("bad_http", f"the response is not HTTP/1.1{_parser_message(error)}")


def _parser_message(error: BaseException) -> str:
    """Return the parser's message without the bytes of the response that it quotes; empty if there is none."""
    while error.__cause__ is not None:
        error = error.__cause__
    words = _PARSER_WORDS.match(error.message) if isinstance(error, HttpProcessingError) else None
    return f": {words[1]}" if words else ""
