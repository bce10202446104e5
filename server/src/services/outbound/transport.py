"""The one way out to receivers: an httpx transport that dials what the guard approved for this request alone.

httpx's interface on aiohttp's connections, used without httpx's client around it. Measured with this guard, the
CPU of one callback is 2.3 times as much with the transport of httpx-aiohttp 0.2, 2.8 times behind an `AsyncClient` too,
and 3.5 times on httpx's own pool. httpx-aiohttp would not save the pin, the limits or the reading of errors below, and
aiohttp gets the URL from it as text and quotes it again, so that it is no longer the one that was checked.
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
from src.services.outbound.wire import HEAD_BYTES_MAX, HEAD_LINES_MAX, Wire

KEEPALIVE_IDLE_S = 15.0  # a connection that was idle for longer is not used again
BODY_CHUNK_BYTES = 16 * 1024
TLS_WORDS_CHARS_MAX = 200
STATUSES = range(200, 600)  # of a final answer
#: llhttp's own words come before the bytes of the answer that it did not like.
_PARSER_WORDS = re.compile(r"(?:Bad status line:\s+)?([A-Za-z0-9 /'`_.,()-]{1,100}):\n\n", re.ASCII)
_DROPPED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)
#: Framing, routing and encoding are the transport's alone, and an answer never sets anything (RFC 9110 7.6.1).
_NOT_FROM_THE_CALLER = frozenset(
    {"accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive", "te"}
    | {"proxy-authorization", "proxy-connection", "trailer", "transfer-encoding", "upgrade"}
)


#: What aiohttp knows when it is about to connect: family, kind, protocol, an empty name, the address to dial.
AddressInfo = tuple[int, int, int, str, tuple[object, ...]]
OpenSocket = Callable[[AddressInfo], socket.socket]


def open_socket(info: AddressInfo) -> socket.socket:
    """Make the socket for one connection; nothing is sent yet."""
    return socket.socket(*info[:3])


@dataclass(frozen=True, slots=True)
class Network:
    """The ways out of this machine; a test hands in ones that lead nowhere.

    Args:
        lookup: the blocking lookup of a name, for `ThreadResolver`.
        open_socket: makes the socket for an approved address.
    """

    lookup: Callable[[str, int], list[Address]] = system_lookup
    open_socket: OpenSocket = open_socket


@dataclass(frozen=True, slots=True)
class Timings:
    """How long the parts of a first connection took, seconds; None for what was not reached."""

    connect_s: float | None = None
    #: None without TLS as well.
    tls_s: float | None = None
    #: From when the connection was open.
    first_byte_s: float | None = None
    certificate_expires_at: datetime | None = None


class _NotApprovedError(OSError):
    """The last check failed: this is not one of the addresses that the guard approved."""


class _Pin(AbstractResolver):
    """What aiohttp may connect to: names lead to the approved addresses, and no socket is made for another."""

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
        # The last stop before connect(): aiohttp asks no resolver when the URL's host is an address.
        if ipaddress.ip_address(str(info[4][0])) not in self.approved:
            raise _NotApprovedError
        self.dialled_at_s = asyncio.get_running_loop().time()
        try:
            return self._open_socket(info)
        except OSError as error:
            self.lack = error.errno if error.errno in LACKING else None  # of several errors aiohttp tells none
            raise

    def lack_behind(self, error: Exception) -> int | None:
        """What this machine lacked, if that is why there is no connection."""
        out_of_ports = isinstance(error, aiohttp.ClientConnectorError) and error.errno == errno.EADDRNOTAVAIL
        # Without IPv6 on this machine an IPv6 address says the same, and that does not pass.
        if out_of_ports and all(address.version == 4 for address in self.approved):
            return errno.EADDRNOTAVAIL
        return self.lack

    def make_wire(self) -> Wire:
        self.wire = Wire(asyncio.get_running_loop(), self.approved)
        return self.wire

    def kept(self) -> Wire | None:
        """The open connection, if this attempt may use it again; otherwise it is dropped."""
        wire = self.wire
        # Bytes that came after the last answer would be taken for the next one.
        if wire is None or wire.peer not in self.approved or wire.received or wire.should_close:
            self.drop()
        return self.wire if self.wire is not None and self.wire.is_connected() else None

    def drop(self) -> None:
        """Close the connection at once, if there is one."""
        wire, self.wire = self.wire, None
        if wire is not None:
            wire.abort()


class GuardedTransport(httpx.AsyncBaseTransport):
    """The way to one receiver, over at most one connection.

    Each request must carry its `CallbackUrl` as the extension `callback_url`; it is checked again each time.
    Host header, SNI and certificate check keep the name. Nothing is followed, unpacked, remembered or taken
    from the environment: no redirects, decompression, cookies, proxies, .netrc. The deadline is the caller's.

    Args:
        receiver: `scheme://host:port`.
        guard: asked for each request.
        tls: one context shared by all; making one costs more than 10 ms.
        open_socket: makes the socket for an approved address; it may refuse with an OSError.
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
        """Send one request and wait for the head of the answer.

        Raises:
            AttemptFailed: no answer, for the reason that its `error_code` tells.
        """
        url, target = self._target(request)
        self._pin.approved = await self._guard.check(url)
        self._pin.lack = None
        kept = self._pin.kept()
        body = await request.aread()
        try:
            answer = await self._send(request, target, body)
        except AttemptFailed:
            # The receiver may close an idle connection just while we send. If not a byte came back on a used
            # connection, send once more on a new one: callbacks are at-least-once and carry a stable id.
            if kept is None or kept is not self._pin.wire or kept.received:
                raise
            answer = await self._send(request, target, body)
        if answer.status not in STATUSES:
            self._pin.drop()
            raise AttemptFailed("bad_http", "the status of the answer is not one of HTTP")
        # Without this header nothing up the stack unpacks the body, whatever it claims to be.
        headers = [(name, value) for name, value in answer.raw_headers if name.lower() != b"content-encoding"]
        # All of them as they came, for the callback log.
        extensions = {"raw_headers": answer.raw_headers}
        return httpx.Response(
            answer.status, headers=headers, stream=_Body(answer, self._pin.wire), extensions=extensions
        )

    def _target(self, request: httpx.Request) -> tuple[CallbackUrl, URL]:
        url = request.extensions.get("callback_url")
        if not isinstance(url, CallbackUrl) or url.receiver != self._receiver or url.url != str(request.url):
            raise Blocked("the request does not carry its checked URL")
        target = URL(url.url, encoded=True)  # as it was checked: not requoted
        if (target.scheme, target.raw_host, target.port) != (url.scheme, url.host, url.port):
            raise Blocked("two readers of URLs do not agree on it")
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
        """Drop the connection; the next request opens a new one."""
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
    # aiohttp has no public place for a protocol; the tests notice when this name goes away.
    connector._factory = pin.make_wire  # type: ignore[assignment]  # noqa: SLF001
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(),  # none: the deadline around the attempt is the only one
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "User-Agent", "Content-Type"),
        auto_decompress=False,
        trust_env=False,
        read_bufsize=BODY_CHUNK_BYTES,
        max_line_size=HEAD_BYTES_MAX,  # `Wire` counts; aiohttp's own limits must not be reached before
        max_field_size=HEAD_BYTES_MAX,
        max_headers=HEAD_LINES_MAX,
    )


class _Body(httpx.AsyncByteStream):
    """The body as it comes, not unpacked."""

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
        self._answer.release()  # drops the connection unless the body has ended
        if self._wire is not None:
            self._wire.reset()


def _failed(error: Exception, wire: Wire | None) -> AttemptFailed:
    """The failure in our own words: the exceptions of aiohttp hold bytes of the answer."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error.__cause__
    if isinstance(cause, _NotApprovedError) or (wire is not None and wire.refused):
        return Blocked("not the checked address")
    if isinstance(cause, ssl.SSLError):
        words = getattr(cause, "verify_message", None) or cause.reason or "handshake failed"
        return AttemptFailed("tls_failure", f"TLS failed: {ascii(words)[1:-1][:TLS_WORDS_CHARS_MAX]}")
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(cause, _DROPPED):
        words = os.strerror(error.errno) if error.errno else "no address answers"
        return AttemptFailed("connect_failed", f"no connection: {words}")
    return _no_answer(error, wire)


def _no_answer(error: Exception, wire: Wire | None) -> AttemptFailed:
    """Why nothing that can be read came over a connection that was there."""
    if wire is None or not wire.received:
        return AttemptFailed("connection_reset", "the connection was closed without an answer")
    if wire.over_limit:
        return AttemptFailed("bad_http", wire.over_limit)
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return AttemptFailed("bad_http", "the connection was closed before the head of the answer was complete")
    return AttemptFailed("bad_http", f"the answer is not HTTP/1.1{_what_is_wrong(error)}")


def _what_is_wrong(error: BaseException) -> str:
    """What the parser says, without the bytes of the answer that it shows as well."""
    while error.__cause__ is not None:
        error = error.__cause__
    words = _PARSER_WORDS.match(error.message) if isinstance(error, HttpProcessingError) else None
    return f": {words[1]}" if words else ""
