"""What is read of one HTTP/1.x connection: phases, sizes, the rules of heads, and offers of other protocols."""

import urllib.parse
from enum import Enum, auto

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from src.http_server import refusals
from src.http_server.cycles import whole_server
from src.http_server.head import (
    HTTP_VERSIONS,
    NOT_IN_TRAILERS,
    check_codings,
    check_handshake,
    check_host,
    is_unknown_method,
    offers_websocket,
    read_target,
)
from src.http_server.limits import (
    DISCARDED_BYTES_MAX,
    FRAMING_BYTES_A_BODY_BYTE,
    FRAMING_BYTES_MAX,
    HEAD_BYTES_MAX,
    PIECE_BYTES,
)
from src.http_server.refusals import Refusal, Refused
from src.http_server.transport import GuardedTransport


class Phase(Enum):
    """What is read: see `protocol.py`."""

    BETWEEN = auto()
    HEAD = auto()
    BODY = auto()
    DEAF = auto()


BETWEEN, HEAD, BODY, DEAF = Phase


class ReadingProtocol(HttpToolsProtocol):
    """Reads requests, in pieces, and never more of them than can be answered; what to do with them is said below it."""

    transport: GuardedTransport
    _phase = BETWEEN
    #: Requests begun.
    _begun = 0
    #: Read, but not yet given to the parser: answers come first.
    _held = b""
    _lingers = False
    _ignored_bytes = 0
    _is_stopping = False
    #: Of the request that is read: what came without an end of its head, its fields, its body, and its body's framing.
    _unfinished_bytes = 0
    _field_bytes = 0
    _body_bytes = 0
    _body_read_bytes = 0
    _trailer_bytes = 0
    _discarded_bytes = 0
    #: It offers something else than HTTP; it is a WebSocket that we take.
    _is_offer = False
    _is_websocket = False

    @staticmethod
    def upgrades(path: str) -> bool:
        """Tell whether there is a WebSocket at a path; where there is none, an offer is ignored."""
        return bool(path)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._phase is DEAF:
            self._ignore(len(data))
            return
        if self._held:
            self._held += data
            return
        self._take(data)

    def _take(self, data: bytes) -> None:
        phase, begun = self._phase, self._begun
        if len(data) <= PIECE_BYTES:
            self._feed(data)
        else:
            self._feed_pieces(data)
        if (phase is not self._phase or begun != self._begun) and self._phase is not DEAF:
            self._expect_next()

    def _feed_pieces(self, data: bytes) -> None:
        for at in range(0, len(data), PIECE_BYTES):
            if self._phase is DEAF:
                if self._is_websocket:
                    self.transport.close()
                return
            if self.flow.read_paused:
                self._held = data[at:]
                return
            self._feed(data[at : at + PIECE_BYTES])

    def _feed(self, piece: bytes) -> None:
        phase, begun = self._phase, self._begun
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:
            self._after_offer(piece[offer.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(self._what_is_wrong(error, piece))
        if begun == self._begun:
            if phase is self._phase:
                self._count_unfinished(len(piece))
        elif self._phase is HEAD and phase is BETWEEN and self._begun == begun + 1:  # all of it is of this head
            self._count_unfinished(len(piece))

    def _count_unfinished(self, size: int) -> None:
        """Count bytes that ended nothing."""
        if self._phase is BODY:
            self._body_read_bytes += size
            if self._body_read_bytes > FRAMING_BYTES_MAX + (1 + FRAMING_BYTES_A_BODY_BYTE) * self._body_bytes:
                self._refuse(refusals.TRAILERS)
        elif self._phase is not DEAF:
            self._unfinished_bytes += size
            if self._unfinished_bytes > HEAD_BYTES_MAX:
                self._refuse(refusals.TOO_LARGE)

    def _read_on(self) -> None:
        """Read on, if nothing stands in the way: what is held first, then what comes."""
        if self.pipeline or self._phase is DEAF:
            return
        self.flow.read_paused = False
        if self._held:
            held, self._held = self._held, b""
            self._take(held)
        if not self.flow.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.cycle is not None and not self.cycle.keep_alive and not self._is_offer:
            raise Refused(refusals.NOTHING_AFTER)
        super().on_message_begin()
        self._phase = HEAD
        self._begun += 1
        self._hosts: list[bytes] = []
        self._codings: list[bytes] = []
        self._is_offer = False
        self._unfinished_bytes = self._field_bytes = self._trailer_bytes = 0
        self._body_bytes = self._body_read_bytes = self._discarded_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field, of the head or of the trailer; those of the trailer are read and dropped."""
        if self._phase is not HEAD:
            self._trailer_bytes += len(name) + len(value) + 4
            if self._trailer_bytes > HEAD_BYTES_MAX:
                raise Refused(refusals.TRAILERS)
            if name.lower() in NOT_IN_TRAILERS:  # the parser would obey it
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
        """The head is there."""
        version = self.parser.get_http_version()
        if version not in HTTP_VERSIONS:
            raise Refused(refusals.UNKNOWN_VERSION)
        self.scope["http_version"] = version
        self.scope["method"] = method = self.parser.get_method().decode("ascii")
        if len(self.url) + self._field_bytes > HEAD_BYTES_MAX:
            raise Refused(refusals.TOO_LARGE)
        check_host(self._hosts, version)
        if self._codings:
            check_codings(self._codings, version)
        raw_path, query, authority = read_target(method, self.url)
        if authority is not None:
            self.headers[:] = [(b"host", authority), *(field for field in self.headers if field[0] != b"host")]
        path = raw_path.decode("ascii")
        self.scope["path"] = self.root_path + (urllib.parse.unquote(path) if "%" in path else path)
        self.scope["raw_path"] = self.root_path.encode("ascii") + raw_path
        self.scope["query_string"] = query
        self._phase = BODY
        if self.parser.should_upgrade():
            self._consider_offer()
        else:
            self._begin_answer(whole_server if raw_path == b"*" else self.app)

    def on_body(self, body: bytes) -> None:
        """Some of the body is there."""
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
        """The request is there."""
        self._phase = BETWEEN
        self._unfinished_bytes = 0
        if not self._is_offer:
            self.cycle.more_body = False
            if not self.cycle.response_complete:
                self.cycle.message_event.set()

    # Offers to speak something else than HTTP.

    def _consider_offer(self) -> None:
        """Take a WebSocket's handshake where there is one; any other offer is ignored (RFC 9110, 7.8).

        The parser takes an offer for the end of HTTP, and what follows for another protocol. So a request whose offer
        is ignored is given to a new parser without it, and what follows is its body.
        """
        self._is_offer = True
        self._is_websocket = (
            self.scope["method"] == "GET"
            and self.scope["http_version"] == "1.1"
            and (self.cycle is None or self.cycle.response_complete)
            and offers_websocket(self.headers)
            and self.upgrades(self.scope["path"])
        )
        if self._is_websocket:
            check_handshake(self.headers)

    def _after_offer(self, rest: bytes) -> None:
        if not self._is_websocket:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._feed(self._head_without_offer() + rest)
        elif rest:
            self._refuse(refusals.TOO_EARLY)
        else:
            self.handle_websocket_upgrade()

    def _head_without_offer(self) -> bytes:
        first = f" HTTP/{self.scope['http_version']}\r\n".encode("ascii")
        fields = [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        return b"".join([self.scope["method"].encode("ascii"), b" ", self.url, first, *fields, b"\r\n"])

    def _what_is_wrong(self, error: httptools.HttpParserError, piece: bytes) -> Refusal:
        reason = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
        if isinstance(reason, Refused):
            return reason.refusal
        if reason is not None:
            self.logger.error("Exception while a request was read", exc_info=reason)
        if isinstance(error, httptools.HttpParserInvalidMethodError) and is_unknown_method(piece):
            return refusals.UNKNOWN_METHOD
        return refusals.NO_HTTP

    # What a protocol does with it.

    def _begin_answer(self, app: ASGI3Application) -> None:
        raise NotImplementedError

    def _refuse(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _expect_next(self) -> None:
        raise NotImplementedError

    def _ignore(self, size: int) -> None:
        raise NotImplementedError
