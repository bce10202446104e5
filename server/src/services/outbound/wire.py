"""One connection to a receiver: verifies the peer's address and limits how much of its data is accepted.

Everything a receiver can send is limited:

| what | limit | if exceeded |
| --- | --- | --- |
| time, from the DNS lookup to the last byte | `CALLBACK_TIMEOUT_SECONDS` | `timeout`; once the head is complete, none |
| head, interim responses (1xx) included | `HEAD_BYTES_MAX`, `HEAD_LINES_MAX` | `bad_http`, naming the limit |
| a single header line, its name or value | the limit of the head | the same |
| body | `BODY_READ_BYTES_MAX`, 1 KiB of it kept | the response counts, the connection is dropped |
| body with its framing: chunk sizes, extensions, trailers | `BODY_WIRE_BYTES_MAX` | the same |
| data after a response or before the next request | 0 bytes | the connection is not reused |

Cookies, redirects, upgrades and encodings are ignored (see `transport`), so they need no limit.
"""

import asyncio
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from aiohttp import StreamReader
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError, RawResponseMessage

from src.services.outbound.guard import Address

HEAD_BYTES_MAX = 64 * 1024
HEAD_LINES_MAX = 1_000
#: A chunk of one byte takes six on the wire; and everything that one read of a socket can return (256 KiB) fits.
BODY_WIRE_BYTES_MAX = 512 * 1024
_INTERIM = range(100, 200)  # RFC 9110 15.2; an unrequested 101 is not valid either
_HEAD_END = re.compile(rb"\n\r?\n")


class Wire(ResponseHandler):
    """One TCP connection to an approved peer.

    aiohttp's own protocol closes gracefully: a receiver that neither reads nor closes would hold the socket for 30 s
    (TLS) or for ever. Here, closing aborts the connection.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, approved: tuple[Address, ...]) -> None:
        super().__init__(loop)
        self._approved = approved
        self.peer: Address | None = None
        self.refused = False
        #: By the loop's clock: when TCP was established, when the connection was open (over TLS: after the handshake),
        #: and when the first byte arrived.
        self.connected_at_s = loop.time()
        self.open_at_s: float | None = None
        self.first_byte_at_s: float | None = None
        #: As returned by `ssl.SSLSocket.getpeercert`, verified in the handshake; None without TLS.
        self.certificate: Mapping[str, Any] | None = None
        self.reset()

    def reset(self) -> None:
        """Prepare for the next exchange."""
        self.received = 0  # bytes
        self.over_limit = ""  # the limit that a head has exceeded, as a clause
        self._body: StreamReader | None = None  # of the final response, once its head is complete
        self._head_bytes = self._head_lines = self._body_wire_bytes = 0
        self._seam = b""  # the end of the last segment: the blank line after a head may be split between two

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Abort at once if the peer is not one of the approved addresses."""
        super().connection_made(transport)
        self.open_at_s = self._loop.time()
        self.certificate = transport.get_extra_info("peercert")
        if (peername := transport.get_extra_info("peername")) is not None:  # None: already reset
            self.peer = ipaddress.ip_address(peername[0])
            self.refused = self.peer not in self._approved
        if self.peer is None or self.refused:
            self.abort()  # before any byte of the request is sent; aiohttp then fails to write

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the parser while they are within the limits."""
        if self.first_byte_at_s is None:
            self.first_byte_at_s = self._loop.time()
        self.received += len(data)
        rest = self._feed_heads(data) if self._body is None else data
        if self._body is None:
            self._feed_head(rest)
        elif rest or not data:
            self._feed_body(self._body, rest)

    def _feed_heads(self, data: bytes) -> bytes:
        """Feed each complete head to the parser; returns the rest.

        aiohttp discards a response if what follows its head in the same segment is not HTTP, even a single byte beyond
        the announced length. So each head is fed separately, and the status is kept.
        """
        both = self._seam + data
        fed = start = len(self._seam)
        search_from = 0
        while self._body is None and not self.exception() and (end := _HEAD_END.search(both, search_from)):
            fed = search_from = end.end()
            self._feed_head(both[start:fed])
            start = fed
        self._seam = both[max(search_from, len(both) - 2) :]
        return both[fed:]

    def _feed_head(self, piece: bytes) -> None:
        if not piece or self.exception():
            return
        self._head_bytes += len(piece)
        self._head_lines += piece.count(b"\n")
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(f"the head of the response is longer than {HEAD_BYTES_MAX // 1024} KiB")
        elif self._head_lines > HEAD_LINES_MAX:
            self._refuse(f"the head of the response has more than {HEAD_LINES_MAX:,} lines")
        else:
            super().data_received(piece)

    def _refuse(self, limit: str) -> None:
        self.over_limit = limit
        if self.transport is not None:
            self.transport.abort()
        self.set_exception(HttpProcessingError(message=limit))

    def _feed_body(self, body: StreamReader, piece: bytes) -> None:
        self._body_wire_bytes += len(piece)
        if self._body_wire_bytes > BODY_WIRE_BYTES_MAX:
            self._end_body(body)
            return
        super().data_received(piece)
        if self.exception() and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError())  # aiohttp would leave its reader waiting

    def _end_body(self, body: StreamReader) -> None:
        """End the body after what has arrived, and abort the connection."""
        if not body.is_eof():
            body.feed_eof()
        self.abort()

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Note that the parser has read a head."""
        message, body = data
        if message.code not in _INTERIM:
            self._body = body
        super().feed_data(data, size)

    def close(self) -> None:
        """Abort the connection instead of closing it gracefully."""
        self.abort()
