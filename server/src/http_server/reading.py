"""The reading half of one HTTP/1.x connection: phases, size limits, validation of heads, protocol upgrades."""

import logging
import urllib.parse
from collections.abc import Callable
from enum import Enum, auto

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from src.http_server import refusals
from src.http_server.cycles import server_options
from src.http_server.head import (
    HTTP_VERSIONS,
    NOT_IN_TRAILERS,
    check_codings,
    check_handshake,
    check_host,
    has_unknown_method,
    head_without_upgrade,
    is_websocket_upgrade,
    parse_target,
)
from src.http_server.limits import (
    DISCARDED_BYTES_MAX,
    FRAMING_BYTES_MAX,
    FRAMING_BYTES_PER_BODY_BYTE,
    HEAD_BYTES_MAX,
    LINGER_BYTES_MAX,
    PARSE_BYTES_MAX,
)
from src.http_server.refusals import Refusal, Refused
from src.http_server.transport import GuardedTransport


class Phase(Enum):
    """The phases of a connection: see `protocol.py`."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    DISCARDING = auto()


IDLE, HEAD, BODY, DISCARDING = Phase


class ReadingProtocol(HttpToolsProtocol):
    """Parses requests in pieces, and applies backpressure: never more of them than can be answered.

    Subclasses decide what to do with a request.
    """

    transport: GuardedTransport
    #: Whether a path serves a WebSocket; elsewhere, upgrade requests are ignored.
    has_websocket: Callable[[str], bool] = staticmethod(bool)
    _phase = IDLE
    _requests_begun = 0
    #: Received but not yet parsed: responses come first.
    _unparsed = b""
    _lingering = False
    _lingered_bytes = 0
    _is_shutting_down = False
    #: Sizes of the current request: bytes that completed no head, its fields, its body, and its body with framing.
    _unfinished_bytes = 0
    _field_bytes = 0
    _body_bytes = 0
    _body_read_bytes = 0
    _trailer_bytes = 0
    _discarded_bytes = 0
    #: Whether the current request offers another protocol, and whether it is a WebSocket handshake we accept.
    _is_upgrade = False
    _is_websocket = False

    def data_received(self, data: bytes) -> None:
        if self._phase is DISCARDING:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > LINGER_BYTES_MAX:
                self.transport.close_now()
            return
        if self._unparsed:
            self._unparsed += data
            return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        phase, begun = self._phase, self._requests_begun
        if len(data) <= PARSE_BYTES_MAX:
            self._feed(data)
        else:
            self._feed_pieces(data)
        if (phase is not self._phase or begun != self._requests_begun) and self._phase is not DISCARDING:
            self._set_phase_deadline()

    def _feed_pieces(self, data: bytes) -> None:
        for start in range(0, len(data), PARSE_BYTES_MAX):
            if self._phase is DISCARDING:
                if self._is_websocket:
                    self.transport.close()
                return
            if self.flow.read_paused:
                self._unparsed = data[start:]
                return
            self._feed(data[start : start + PARSE_BYTES_MAX])

    def _feed(self, piece: bytes) -> None:
        phase, begun = self._phase, self._requests_begun
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._finish_upgrade(piece[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(_refusal_for(error, piece, self.logger))
        if begun == self._requests_begun:
            if phase is self._phase:
                self._count_unfinished(len(piece))
        elif (
            self._phase is HEAD and phase is IDLE and self._requests_begun == begun + 1
        ):  # the whole piece belongs to this head
            self._count_unfinished(len(piece))

    def _count_unfinished(self, size: int) -> None:
        """Count the bytes of a piece that completed neither a head nor a body."""
        if self._phase is BODY:
            self._body_read_bytes += size
            if self._body_read_bytes > FRAMING_BYTES_MAX + (1 + FRAMING_BYTES_PER_BODY_BYTE) * self._body_bytes:
                self._refuse(refusals.TRAILERS_TOO_LARGE)
        elif self._phase is not DISCARDING:
            self._unfinished_bytes += size
            if self._unfinished_bytes > HEAD_BYTES_MAX:
                self._refuse(refusals.HEAD_TOO_LARGE)

    def _resume_reading(self) -> None:
        """Parse what is held back, then resume reading, unless responses must come first."""
        if self.pipeline or self._phase is DISCARDING:
            return
        self.flow.read_paused = False
        if self._unparsed:
            unparsed, self._unparsed = self._unparsed, b""
            self._parse(unparsed)
        if not self.flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    # Callbacks of the parser.

    def on_message_begin(self) -> None:
        if self.cycle is not None and not self.cycle.keep_alive and not self._is_upgrade:
            raise Refused(refusals.AFTER_CLOSE)
        super().on_message_begin()
        self._phase = HEAD
        self._requests_begun += 1
        self._hosts: list[bytes] = []
        self._codings: list[bytes] = []
        self._is_upgrade = False
        self._unfinished_bytes = self._field_bytes = self._trailer_bytes = 0
        self._body_bytes = self._body_read_bytes = self._discarded_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header field, or check and drop a trailer field."""
        if self._phase is not HEAD:
            self._trailer_bytes += len(name) + len(value) + 4
            if self._trailer_bytes > HEAD_BYTES_MAX:
                raise Refused(refusals.TRAILERS_TOO_LARGE)
            if name.lower() in NOT_IN_TRAILERS:  # the parser would apply it
                raise Refused(refusals.FRAMING_IN_TRAILER)
            return
        name = name.lower()
        value = value.strip(b" \t")
        self._field_bytes += len(name) + len(value) + 4
        if name == b"host":
            self._hosts.append(value)
        elif name == b"transfer-encoding":
            self._codings.append(value)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Validate the head and start the response."""
        version = self.parser.get_http_version()
        if version not in HTTP_VERSIONS:
            raise Refused(refusals.UNSUPPORTED_VERSION)
        self.scope["http_version"] = version
        self.scope["method"] = method = self.parser.get_method().decode("ascii")
        if len(self.url) + self._field_bytes > HEAD_BYTES_MAX:
            raise Refused(refusals.HEAD_TOO_LARGE)
        check_host(self._hosts, version)
        if self._codings:
            check_codings(self._codings, version)
        raw_path, query, authority = parse_target(method, self.url)
        if authority is not None:
            self.headers[:] = [(b"host", authority), *(field for field in self.headers if field[0] != b"host")]
        path = raw_path.decode("ascii")
        self.scope["path"] = self.root_path + (urllib.parse.unquote(path) if "%" in path else path)
        self.scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        self.scope["query_string"] = query
        self._phase = BODY
        if self.parser.should_upgrade():
            self._handle_upgrade()
        else:
            self._start_response(server_options if raw_path == b"*" else self.app)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        cycle = self.cycle
        if cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > DISCARDED_BYTES_MAX:
                raise Refused(refusals.BODY_TOO_LARGE)
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._phase = IDLE
        self._unfinished_bytes = 0
        if not self._is_upgrade:
            self.cycle.more_body = False
            if not self.cycle.response_complete:
                self.cycle.message_event.set()

    # Protocol upgrades.

    def _handle_upgrade(self) -> None:
        """Accept a WebSocket handshake where one is served; ignore any other upgrade (RFC 9110, 7.8).

        After an upgrade request the parser treats everything as another protocol. So a request whose upgrade is
        ignored is fed to a new parser without the `Upgrade` field, and what follows is parsed as its body.
        """
        self._is_upgrade = True
        self._is_websocket = (
            self.scope["method"] == "GET"
            and self.scope["http_version"] == "1.1"
            and (self.cycle is None or self.cycle.response_complete)
            and is_websocket_upgrade(self.headers)
            and self.has_websocket(self.scope["path"])
        )
        if self._is_websocket:
            check_handshake(self.headers)

    def _finish_upgrade(self, rest: bytes) -> None:
        if not self._is_websocket:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._feed(head_without_upgrade(self.scope, self.url, self.headers) + rest)
        elif rest:
            self._refuse(refusals.TOO_EARLY)
        else:
            self.handle_websocket_upgrade()

    # Implemented by the protocol.

    def _start_response(self, app: ASGI3Application) -> None:
        raise NotImplementedError

    def _refuse(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _set_phase_deadline(self) -> None:
        raise NotImplementedError


def _refusal_for(error: httptools.HttpParserError, piece: bytes, logger: logging.Logger) -> Refusal:
    reason = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
    if isinstance(reason, Refused):
        return reason.refusal
    if reason is not None:
        logger.error("Exception while reading a request", exc_info=reason)
    if isinstance(error, httptools.HttpParserInvalidMethodError) and has_unknown_method(piece):
        return refusals.UNKNOWN_METHOD
    return refusals.NOT_HTTP
