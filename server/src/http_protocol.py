"""The HTTP front: uvicorn's protocol with the limits it does not have, on heads, on time and on connections.

uvicorn keeps a connection that says nothing, or drips a head or a body, for ever, and reads heads of any size.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from src.logs import new_call_id

HEAD_BYTES_MAX = 16 * 1024
#: From the connection, or the first byte of a further request, to the end of the head.
HEAD_WITHIN_S = 10.0
#: From the end of the head to the end of the body.
BODY_WITHIN_S = 30.0
CONNECTIONS_OF_ONE_ADDRESS_MAX = 256


HTTP_VERSIONS = frozenset({"1.0", "1.1"})


class HeadTooLarge(Exception):
    """Raised within the parser, which stops at it."""


class UnknownVersion(Exception):
    """Raised within the parser, which would take a bare line for a request of HTTP/0.9."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection. `trusted_proxies` may hold any number of them, because they stand for many callers."""

    trusted_proxies: Sequence[IPv4Network | IPv6Network] = ()
    head_within_s = HEAD_WITHIN_S
    body_within_s = BODY_WITHIN_S
    #: Open connections by address, of all in this process.
    connected: Counter[str] = Counter()  # noqa: RUF012  meant to be shared: it counts them all

    _deadline: asyncio.TimerHandle | None = None
    _address: str | None = None
    _in_head = True
    _head_bytes = 0
    #: The request before the one that is being read.
    _previous: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Count the connection, or close it at once when its address has too many."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self.connected[address] >= CONNECTIONS_OF_ONE_ADDRESS_MAX and not self._is_proxy(address):
            transport.close()
            return
        self._address = address
        self.connected[address] += 1
        self._expect_within(self.head_within_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._expect_nothing()
        if self._address is not None:
            self.connected[self._address] -= 1
            if not self.connected[self._address]:
                del self.connected[self._address]
            self._address = None

    def data_received(self, data: bytes) -> None:
        """Read on; a head that goes on for too long ends the connection."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._expect_within(self.head_within_s)

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        if self.parser.get_http_version() not in HTTP_VERSIONS:
            raise UnknownVersion
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES_MAX:
            raise HeadTooLarge
        self._previous = self.cycle
        super().on_headers_complete()
        self._expect_within(self.body_within_s)

    def on_message_complete(self) -> None:
        """The request is there; how long the answer takes is not the client's fault."""
        super().on_message_complete()
        self._expect_nothing()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._expect_nothing()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, as a problem."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Answer what is broken and close; where it could be taken for another answer, only close.

        Answers that are owed to requests before it come first: a client that pipelines tells them apart by their
        order alone (RFC 9112, section 9.3.2).
        """
        newest = self.cycle
        is_broken_itself = newest is not None and newest.more_body
        owed = self._previous if is_broken_itself else newest
        if owed is not None and not owed.response_complete:
            if self.pipeline and is_broken_itself and self.pipeline[0][0] is newest:
                self.pipeline.popleft()
            owed.keep_alive = False
            self._expect_nothing()
            self.flow.pause_reading()
        elif is_broken_itself and newest.response_started:
            self.transport.close()
        else:
            self._answer(status, detail)

    def _answer(self, status: HTTPStatus, detail: str) -> None:
        problem: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
        body = orjson.dumps(problem)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {new_call_id()}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.trusted_proxies)


def limited_protocol(
    *,
    trusted_proxies: Sequence[IPv4Network | IPv6Network] = (),
    head_within_s: float = HEAD_WITHIN_S,
    body_within_s: float = BODY_WITHIN_S,
) -> type[LimitedHttpProtocol]:
    """Make the protocol class for one server; uvicorn makes an instance of it for each connection."""
    attributes = {
        "trusted_proxies": trusted_proxies,
        "head_within_s": head_within_s,
        "body_within_s": body_within_s,
        "connected": Counter(),
    }
    return type("ServerHttpProtocol", (LimitedHttpProtocol,), attributes)
