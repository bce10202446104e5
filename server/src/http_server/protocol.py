"""One HTTP/1.x connection, from the first byte to the last.

Reading is always in one of these phases:

    IDLE ──first byte of a request──▶ HEAD ──end of head──▶ BODY ──end of body──▶ IDLE
    HEAD ──WebSocket handshake──▶ handed over to `websocket.py`
    any ──a refusal, or a response that ends the connection before the request is read──▶ DISCARDING ──▶ closed

and each has a deadline, kept by its `ConnectionTimer`:

| phase | deadline, s | on timeout |
| --- | --- | --- |
| IDLE, no request yet | `head_timeout_s` from the connection | closed |
| IDLE, a response is pending | none: the peer is not the one being slow | |
| IDLE, all responses sent | `timeout_keep_alive` from the last response; blank lines do not extend it | closed |
| HEAD | `head_timeout_s` from its first byte | 408 |
| BODY | `body_timeout_s` from the end of the head | 408; closed, if the response was sent |
| HEAD and BODY during shutdown | `SHUTDOWN_TIMEOUT_S` | 503; closed, if the response was sent |
| HEAD and BODY of a queued pipelined request | none, as reading is paused; restarted when its turn comes | |
| DISCARDING, a response is pending | none | |
| DISCARDING, everything is written | `LINGER_TIMEOUT_S` | closed |

Closing an idle connection never loses a request of which one byte had reached this machine: unread bytes in the kernel
count (`has_unread`). Bytes still in flight when we close are lost. HTTP/1.1 cannot prevent that, so the keep-alive
timeout here should exceed the one of a proxy in front.
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
from src.http_server.connection_limit import ConnectionLimit
from src.http_server.cycles import Cycle, Expect100Cycle, Http10Cycle
from src.http_server.limits import (
    BODY_TIMEOUT_S,
    CONNECTIONS_PER_ADDRESS_MAX,
    HEAD_TIMEOUT_S,
    LINGER_TIMEOUT_S,
    SHUTDOWN_TIMEOUT_S,
    UPGRADE_TIMEOUT_S,
    WRITE_TIMEOUT_S,
)
from src.http_server.reading import BODY, DISCARDING, HEAD, IDLE, ReadingProtocol
from src.http_server.refusals import Refusal
from src.http_server.transport import GuardedTransport
from src.http_server.websocket import LimitedWebSocketProtocol
from src.logs import new_call_id

#: Seconds for the event loop to read bytes that the kernel already holds.
_UNREAD_GRACE_S = 0.05


class _Flow(FlowControl):
    """Flow control that lets the protocol decide when to resume reading."""

    def __init__(self, transport: GuardedTransport, resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._resume = resume

    def resume_reading(self) -> None:
        if self.read_paused:
            self._resume()


class LimitedHttpProtocol(ReadingProtocol):
    """One connection. Requests it refuses itself get a problem as response, and the connection is closed."""

    connection_limit = ConnectionLimit(CONNECTIONS_PER_ADDRESS_MAX)
    head_timeout_s = HEAD_TIMEOUT_S
    body_timeout_s = BODY_TIMEOUT_S
    write_timeout_s = WRITE_TIMEOUT_S

    #: The request before the newest, and the one the app is handling.
    _previous: RequestResponseCycle | None = None
    _active: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Acquire a connection slot, or close at once if the address is at its limit."""
        super().connection_made(transport)
        slot = self.connection_limit.acquire(self.client[0] if self.client else "")
        if slot is None:
            self._phase = DISCARDING
            transport.close()
            return
        self.transport = GuardedTransport(transport, self.loop, slot, self.write_timeout_s)
        self.transport.on_close = self._close
        self.flow = _Flow(self.transport, self._resume_reading)
        self.transport.timer.set_deadline(self.head_timeout_s, self._on_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection slot and notify the app of the disconnect."""
        if isinstance(self.transport, GuardedTransport):
            self.transport.on_close = None
            self.transport.detach()
        if self._active is not None:
            _disconnect(self._active)
        self._phase, self._unparsed = DISCARDING, b""
        super().connection_lost(exc)

    # Responses.

    def _start_response(self, app: ASGI3Application) -> None:
        is_http_10 = self.scope["http_version"] == "1.0"  # which has no 100 Continue either: RFC 9110, 10.1.1
        cycle_class = Http10Cycle if is_http_10 else Expect100Cycle if self.expect_100_continue else Cycle
        self._previous = self.cycle
        self.cycle = cycle_class(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and not is_http_10,
            keep_alive=not is_http_10 and self.parser.should_keep_alive() and not self._is_shutting_down,
            on_response=self.on_response_complete,
        )
        if self._previous is None or self._previous.response_complete:
            self._start_asgi_task(self.cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Start the next pipelined request, or wait for one."""
        self.server_state.total_requests += 1
        if self._lingering or self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        self.flow.resume_reading()
        if self._phase is not DISCARDING:
            self._set_phase_deadline()

    def _refuse(self, refusal: Refusal) -> None:
        """Respond with a problem and close; only close if the problem could be mistaken for another response.

        Pending responses to earlier requests come first: a pipelining client matches responses to requests by their
        order alone (RFC 9112, 9.3.2).
        """
        self._phase, self._unparsed = DISCARDING, b""
        newest = self.cycle
        is_newest_broken = newest is not None and newest.more_body
        pending = self._previous if is_newest_broken else newest
        if pending is not None and not pending.response_complete:
            if self.pipeline and is_newest_broken and self.pipeline[0][0] is newest:
                self.pipeline.popleft()
            pending.keep_alive = False
            self.transport.timer.clear_deadline()
            self.flow.pause_reading()
            return
        if not (is_newest_broken and newest.response_started):
            self._send_refusal(refusal)
        if newest is not None:
            _disconnect(newest)
        self._linger()

    def _send_refusal(self, refusal: Refusal) -> None:
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
        is_head = self._requests_begun > 0 and self.scope.get("method") == "HEAD"
        self.transport.write(head + lines + b"\r\n" + (b"" if is_head else body))

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection, with its slot, over to the WebSocket protocol."""
        self._phase = DISCARDING
        self.connections.discard(self)
        self.transport.on_close = None
        query = self.scope["query_string"]
        path = (self.scope["raw_path"] + (b"?" + query if query else b"")).decode("ascii")
        headers = Headers([(name.decode("ascii"), value.decode("latin-1")) for name, value in self.headers])
        protocol = LimitedWebSocketProtocol(
            self.config, self.server_state, self.app_state, Request(path, headers), self.loop
        )
        protocol.begin(self.transport, UPGRADE_TIMEOUT_S)
        self.parser = None  # type: ignore[assignment]

    # Deadlines and closing.

    def _set_phase_deadline(self) -> None:
        """Set the deadline of the phase just entered."""
        set_deadline = self.transport.timer.set_deadline
        is_pending = self.cycle is not None and not self.cycle.response_complete
        if self.pipeline or (is_pending and self._phase is IDLE):
            self.transport.timer.clear_deadline()
        elif self._is_shutting_down:
            set_deadline(SHUTDOWN_TIMEOUT_S, self._on_timeout)
        elif self._phase is HEAD:
            set_deadline(self.head_timeout_s, self._on_timeout)
        elif self._phase is BODY:
            set_deadline(self.body_timeout_s, self._on_timeout)
        else:
            set_deadline(self.timeout_keep_alive, self._on_timeout)

    def _on_timeout(self) -> None:
        if self.transport.has_unread():  # the event loop may be late, not the peer: it reads these bytes next
            self.transport.timer.set_deadline(_UNREAD_GRACE_S, self._expire)
        else:
            self._expire()

    def _expire(self) -> None:
        if self._phase is IDLE:
            self.transport.close_now()
        else:
            self._refuse(refusals.STOPPING if self._is_shutting_down else refusals.TIMED_OUT)

    def shutdown(self) -> None:
        """Shut down gracefully: pending responses are sent, partially received requests may still complete."""
        self._is_shutting_down = True
        if self._lingering or not isinstance(self.transport, GuardedTransport):
            self.transport.close()
        elif self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            if self._phase is BODY:  # waiting for the peer, not for the app
                self._set_phase_deadline()
        elif self._phase is IDLE and not self.transport.has_unread():
            self.transport.close_now()
        elif self._phase is not DISCARDING:
            self._set_phase_deadline()

    def _close(self) -> None:
        """Close, lingering if the peer may still be sending, so that it gets to read the response."""
        may_send = self._phase is not IDLE or self._unparsed or self.transport.has_unread()
        if self._lingering:
            return
        if may_send:
            self._linger()
        else:
            self._phase = DISCARDING
            self.transport.close_now()

    def _linger(self) -> None:
        """Flush, send EOF and discard what still arrives: a lingering close (RFC 9112, 9.6)."""
        self._phase, self._unparsed = DISCARDING, b""
        if self.transport.is_closing():
            return
        self._lingering = True
        self.transport.write_eof()
        self.transport.timer.set_deadline(LINGER_TIMEOUT_S, self.transport.close_now)
        if self.flow.read_paused:
            self.flow.read_paused = False
            self.transport.resume_reading()


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Notify the app that the client has disconnected."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def limited_protocol(
    *,
    trusted_proxies: Sequence[Network] = (),
    has_websocket: Callable[[str], bool] | None = None,
    head_timeout_s: float = HEAD_TIMEOUT_S,
    body_timeout_s: float = BODY_TIMEOUT_S,
    write_timeout_s: float = WRITE_TIMEOUT_S,
) -> type[LimitedHttpProtocol]:
    """Create the protocol class of one server; uvicorn instantiates it for each connection.

    Args:
        trusted_proxies: networks exempt from the connection limit.
        has_websocket: whether a path serves a WebSocket; every path does by default.
        head_timeout_s: seconds to the first byte, and from there to the end of the head.
        body_timeout_s: seconds from the end of the head to the end of the body.
        write_timeout_s: seconds without write progress while data for the peer is pending.
    """
    attributes: dict[str, Any] = {
        "connection_limit": ConnectionLimit(CONNECTIONS_PER_ADDRESS_MAX, trusted_proxies),
        "head_timeout_s": head_timeout_s,
        "body_timeout_s": body_timeout_s,
        "write_timeout_s": write_timeout_s,
    }
    if has_websocket is not None:
        attributes["has_websocket"] = staticmethod(has_websocket)
    return type("ServerHttpProtocol", (LimitedHttpProtocol,), attributes)
