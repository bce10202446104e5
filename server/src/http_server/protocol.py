"""One HTTP/1.x connection, from its first byte to its last.

What is read is always in one of these phases:

    BETWEEN ──first byte of a request──▶ HEAD ──its end──▶ BODY ──its end──▶ BETWEEN
    HEAD ──a WebSocket's handshake──▶ handed over: `websocket.py` has the connection from then on
    any ──a refusal, or an answer that ends the connection before all was read──▶ DEAF ──closed──▶ gone

and each has its deadline, kept by the one timer of `GuardedTransport`:

| phase | deadline, s | when it comes |
| --- | --- | --- |
| BETWEEN, nothing asked yet | `head_within_s` from the connection | closed |
| BETWEEN, an answer is owed | none: how long it takes is not the peer's fault | |
| BETWEEN, all is answered | `timeout_keep_alive` from the answer, whatever blank lines come | closed |
| HEAD | `head_within_s` from its first byte | 408 |
| BODY | `body_within_s` from the end of the head | 408; closed, if answered |
| HEAD and BODY when the server stops | `STOPPING_WITHIN_S` | 503; closed, if answered |
| HEAD and BODY of a request whose turn has not come | none, it is we who do not read; anew when its turn comes | |
| DEAF, an answer is still owed | none | |
| DEAF, all is written | `LINGER_WITHIN_S` | closed |

A request is never lost by an idle connection's end if one byte of it had reached this machine before: what has come
but was not read counts (`has_unread`). What is still under way on the wire when we close cannot be saved: HTTP/1.1 has
no word for that, so the time here should be longer than that of the proxy in front.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from websockets.datastructures import Headers
from websockets.http11 import Request

from src.addresses import Network
from src.http_server import refusals
from src.http_server.cycles import Cycle, ExpectingCycle, OldCycle
from src.http_server.limits import (
    BODY_WITHIN_S,
    CONNECTIONS_OF_ONE_ADDRESS_MAX,
    HEAD_WITHIN_S,
    LINGER_BYTES_MAX,
    LINGER_WITHIN_S,
    PROGRESS_WITHIN_S,
    STOPPING_WITHIN_S,
    UPGRADE_WITHIN_S,
)
from src.http_server.places import Places
from src.http_server.reading import BETWEEN, BODY, DEAF, HEAD, ReadingProtocol
from src.http_server.refusals import Refusal
from src.http_server.transport import GuardedTransport
from src.http_server.websocket import LimitedWebSocketProtocol
from src.logs import new_call_id

#: For the event loop to read what has come already.
_UNREAD_WITHIN_S = 0.05


class _Flow(FlowControl):
    """Lets the protocol decide when to read on."""

    def __init__(self, transport: GuardedTransport, read_on: Callable[[], None]) -> None:
        super().__init__(transport)
        self._read_on = read_on

    def resume_reading(self) -> None:
        if self.read_paused:
            self._read_on()


class LimitedHttpProtocol(ReadingProtocol):
    """One connection. What it answers itself it answers as a problem, and closes."""

    places = Places(CONNECTIONS_OF_ONE_ADDRESS_MAX)
    head_within_s = HEAD_WITHIN_S
    body_within_s = BODY_WITHIN_S
    progress_within_s = PROGRESS_WITHIN_S

    #: The request before the newest, and the one that the app answers now.
    _previous: RequestResponseCycle | None = None
    _answered_now: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a place, or close at once when its address has too many."""
        super().connection_made(transport)
        place = self.places.take(self.client[0] if self.client else "")
        if place is None:
            self._phase = DEAF
            transport.close()
            return
        self.transport = GuardedTransport(transport, self.loop, place, self.progress_within_s)
        self.transport.on_close = self._finish
        self.flow = _Flow(self.transport, self._read_on)
        self.transport.expect(self.head_within_s, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place, and tell the app that nobody listens."""
        if isinstance(self.transport, GuardedTransport):
            self.transport.on_close = None
            self.transport.end()
        if self._answered_now is not None:
            _disconnect(self._answered_now)
        self._phase, self._held = DEAF, b""
        super().connection_lost(exc)

    # Answers.

    def _begin_answer(self, app: ASGI3Application) -> None:
        old = self.scope["http_version"] == "1.0"  # it has no 100 either: RFC 9110, 10.1.1
        kind = OldCycle if old else ExpectingCycle if self.expect_100_continue else Cycle
        self._previous = self.cycle
        self.cycle = kind(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and not old,
            keep_alive=not old and self.parser.should_keep_alive() and not self._is_stopping,
            on_response=self.on_response_complete,
        )
        if self._previous is None or self._previous.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered_now = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Answer the next request, or wait for it."""
        self.server_state.total_requests += 1
        if self._lingers or self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self.flow.resume_reading()
        if self._phase is not DEAF:
            self._expect_next()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what is broken and close; where it could be taken for another answer, only close.

        Answers that are owed to requests before it come first: a client that pipelines tells them apart by their
        order alone (RFC 9112, section 9.3.2).
        """
        self._phase, self._held = DEAF, b""
        newest = self.cycle
        is_broken_itself = newest is not None and newest.more_body
        owed = self._previous if is_broken_itself else newest
        if owed is not None and not owed.response_complete:
            if self.pipeline and is_broken_itself and self.pipeline[0][0] is newest:
                self.pipeline.popleft()
            owed.keep_alive = False
            self.transport.expect_nothing()
            self.flow.pause_reading()
            return
        if not (is_broken_itself and newest.response_started):
            self._answer(refusal)
        if newest is not None:
            _disconnect(newest)
        self._linger()

    def _answer(self, refusal: Refusal) -> None:
        status = refusal.status
        body = refusal.problem()
        fields = [
            *self.server_state.default_headers,
            *refusal.fields,
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", new_call_id().encode("ascii")),
            (b"connection", b"close"),
        ]
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii")
        lines = b"".join(b"%b: %b\r\n" % field for field in fields)
        is_head = self._begun > 0 and self.scope.get("method") == "HEAD"
        self.transport.write(head + lines + b"\r\n" + (b"" if is_head else body))

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, with its place."""
        self._phase = DEAF
        self.connections.discard(self)
        self.transport.on_close = None
        query = self.scope["query_string"]
        path = (self.scope["raw_path"] + (b"?" + query if query else b"")).decode("ascii")
        headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in self.headers])
        protocol = LimitedWebSocketProtocol(
            self.config, self.server_state, self.app_state, Request(path, headers), self.loop
        )
        protocol.begin(self.transport, UPGRADE_WITHIN_S)
        self.parser = None  # type: ignore[assignment]

    # Deadlines and ends.

    def _expect_next(self) -> None:
        """Set the deadline of the phase that has begun."""
        expect = self.transport.expect
        is_owed = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (is_owed and self._phase is BETWEEN):
            self.transport.expect_nothing()
        elif self._is_stopping:
            expect(STOPPING_WITHIN_S, self._late)
        elif self._phase is HEAD:
            expect(self.head_within_s, self._late)
        elif self._phase is BODY:
            expect(self.body_within_s, self._late)
        else:
            expect(self.timeout_keep_alive, self._late)

    def _late(self) -> None:
        if self.transport.has_unread():  # it may not be the peer that is late: the event loop reads it next
            self.transport.expect(_UNREAD_WITHIN_S, self._too_late)
        else:
            self._too_late()

    def _too_late(self) -> None:
        if self._phase is BETWEEN:
            self.transport.close_now()
        else:
            self._refuse(refusals.STOPPING if self._is_stopping else refusals.TOO_LATE)

    def shutdown(self) -> None:
        """End in order: owed answers are given, requests that have begun to come may still end."""
        self._is_stopping = True
        if self._lingers or not isinstance(self.transport, GuardedTransport):
            self.transport.close()
        elif self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            if self._phase is BODY:  # it waits for its peer, not for the app
                self._expect_next()
        elif self._phase is BETWEEN and not self.transport.has_unread():
            self.transport.close_now()
        elif self._phase is not DEAF:
            self._expect_next()

    def _finish(self) -> None:
        """Close; with time for the peer to read the answer, if it may still be sending."""
        may_send = self._phase is not BETWEEN or self._held or self.transport.has_unread()
        if self._lingers:
            return
        if may_send:
            self._linger()
        else:
            self._phase = DEAF
            self.transport.close_now()

    def _linger(self) -> None:
        """Send what is written, and its end; what still comes is thrown away (RFC 9112, 9.6)."""
        self._phase, self._held = DEAF, b""
        if self.transport.is_closing():
            return
        self._lingers = True
        self.transport.write_eof()
        self.transport.expect(LINGER_WITHIN_S, self.transport.close_now)
        if self.flow.read_paused:
            self.flow.read_paused = False
            self.transport.resume_reading()

    def _ignore(self, size: int) -> None:
        self._ignored_bytes += size
        if self._ignored_bytes > LINGER_BYTES_MAX:
            self.transport.close_now()


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Tell the app that nobody reads its answer."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def limited_protocol(
    *,
    trusted_proxies: Sequence[Network] = (),
    upgrades: Callable[[str], bool] | None = None,
    head_within_s: float = HEAD_WITHIN_S,
    body_within_s: float = BODY_WITHIN_S,
    progress_within_s: float = PROGRESS_WITHIN_S,
) -> type[LimitedHttpProtocol]:
    """Make the protocol class for one server; uvicorn makes an instance of it for each connection.

    Args:
        trusted_proxies: networks of which an address may have any number of connections.
        upgrades: tells whether there is a WebSocket at a path; everywhere, when missing.
        head_within_s: seconds to the first byte, and from there to the end of the head.
        body_within_s: seconds from the end of the head to the end of the body.
        progress_within_s: seconds that a peer may go without taking a byte of those that wait for it.
    """
    attributes: dict[str, Any] = {
        "places": Places(CONNECTIONS_OF_ONE_ADDRESS_MAX, trusted_proxies),
        "head_within_s": head_within_s,
        "body_within_s": body_within_s,
        "progress_within_s": progress_within_s,
    }
    if upgrades is not None:
        attributes["upgrades"] = staticmethod(upgrades)
    return type("ServerHttpProtocol", (LimitedHttpProtocol,), attributes)
