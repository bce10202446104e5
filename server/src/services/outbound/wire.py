"""One connection to a receiver: who is at its other end, and how much of what they send is taken in.

Whatever a receiver sends before, in or after an answer has a limit with a name:

| what | limit | beyond it |
| --- | --- | --- |
| time, from looking the name up to the last byte | `CALLBACK_TIMEOUT_SECONDS` | `timeout`; after a head the answer |
| head: status line, headers, interim answers (1xx) | `HEAD_BYTES_MAX`, `HEAD_LINES_MAX` | `bad_http`, which names it |
| one line of a head, its name, its value | that of all of it | the same |
| body | `BODY_READ_BYTES_MAX`, 1 KiB of it kept | the answer counts, the connection is dropped |
| body with what frames it: chunk sizes, extensions, trailers | `BODY_WIRE_BYTES_MAX` | the same |
| anything after an answer, or before the next request | nothing | the connection is not used again |

Cookies, redirects, upgrades and encodings are not acted on (`callback_transport`), so they need no limit.
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
#: A byte in a chunk of its own takes six on the wire; and all that one read of a socket may bring (256 KiB) fits.
BODY_WIRE_BYTES_MAX = 512 * 1024
_INTERIM = range(100, 200)  # RFC 9110 15.2; a 101, which nobody asked for, is not one of HTTP either
_HEAD_END = re.compile(rb"\n\r?\n")


class Wire(ResponseHandler):
    """One TCP connection to one checked peer.

    aiohttp's own protocol closes gently: a receiver that neither reads nor says goodbye would hold the socket
    for 30 s (TLS) or for ever. Here closing drops the connection at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, approved: tuple[Address, ...]) -> None:
        super().__init__(loop)
        self._approved = approved
        self.peer: Address | None = None
        self.refused = False
        #: By the loop's clock: when TCP stood, when the connection was open (over TLS: after the handshake), and when
        #: the first byte came.
        self.connected_at_s = loop.time()
        self.open_at_s: float | None = None
        self.first_byte_at_s: float | None = None
        #: As `ssl.SSLSocket.getpeercert` gives it, checked in the handshake; None without TLS.
        self.certificate: Mapping[str, Any] | None = None
        self.reset()

    def reset(self) -> None:
        """The exchange is over."""
        self.received = 0  # bytes
        self.over_limit = ""  # which one, in words, once a head has passed one
        self._body: StreamReader | None = None  # of the final answer, once its head has come
        self._head_bytes = self._head_lines = self._body_wire_bytes = 0
        self._seam = b""  # the end of the last piece: the end of a head may lie across two

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Abort at once if the peer is not one of the approved addresses."""
        super().connection_made(transport)
        self.open_at_s = self._loop.time()
        self.certificate = transport.get_extra_info("peercert")
        if (peername := transport.get_extra_info("peername")) is not None:  # None: reset already
            self.peer = ipaddress.ip_address(peername[0])
            self.refused = self.peer not in self._approved
        if self.peer is None or self.refused:
            self.abort()  # before a byte of the request; aiohttp then fails to write

    def data_received(self, data: bytes) -> None:
        """Hand bytes on to the parser, as long as they keep the limits."""
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

        aiohttp forgets an answer if what follows its head in the same piece is not HTTP, be it only one byte more
        than announced. So each head is handed over on its own, and the status is safe.
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
            self._refuse(f"the head of the answer is longer than {HEAD_BYTES_MAX // 1024} KiB")
        elif self._head_lines > HEAD_LINES_MAX:
            self._refuse(f"the head of the answer has more than {HEAD_LINES_MAX:,} lines")
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
            body.set_exception(aiohttp.ClientPayloadError())  # aiohttp leaves its reader waiting

    def _end_body(self, body: StreamReader) -> None:
        """Let the reader have what has come, and drop the connection."""
        if not body.is_eof():
            body.feed_eof()
        self.abort()

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take note of a head that the parser has read."""
        message, body = data
        if message.code not in _INTERIM:
            self._body = body
        super().feed_data(data, size)

    def close(self) -> None:
        """Drop the connection, without a goodbye."""
        self.abort()
