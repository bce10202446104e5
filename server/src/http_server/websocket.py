"""WebSockets: uvicorn's protocol, counted against the connection limit, with limits on incoming frames."""

import asyncio
from collections.abc import Mapping
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode
from websockets.http11 import Request

from src.http_server.limits import FRAGMENTS_MAX, FRAMES_MAX, FRAMES_WINDOW_S, PARSE_BYTES_MAX
from src.http_server.transport import GuardedTransport

#: Fed to the WebSocket parser in place of the real head, which is already parsed: two parsers could disagree on it.
_PLACEHOLDER_HEAD = b"GET / HTTP/1.1\r\n\r\n"


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket. It takes over the HTTP connection's transport, and with it the connection's slot."""

    transport: GuardedTransport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: Mapping[str, Any],
        request: Request,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, dict(app_state), loop)
        self._handshake_request = request
        self._frames = 0
        self._window_started_at = self.loop.time()

    def begin(self, transport: GuardedTransport, timeout_s: float) -> None:
        """Take over the transport and run the app, which must accept or reject within `timeout_s` seconds."""
        self.connection_made(transport)
        transport.set_protocol(self)
        transport.set_deadline(timeout_s, self._on_handshake_timeout)
        super().data_received(_PLACEHOLDER_HEAD)

    def handle_connect(self, _: Request) -> None:
        """Handle the request as the HTTP parser read it, not the placeholder."""
        super().handle_connect(self._handshake_request)

    async def send(self, message: Any) -> None:
        """Send an event; a rejection in progress completes the handshake.

        Uvicorn mistakes every rejection with a custom response for a failed app and logs an error
        (Kludex/uvicorn#3138).
        """
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def start_keepalive(self) -> None:
        """Start pinging, which replaces the deadline once the WebSocket is open."""
        super().start_keepalive()
        self.transport.clear_deadline()

    def data_received(self, data: bytes) -> None:
        """Parse frames in pieces of `PARSE_BYTES_MAX`, checking the limits after each."""
        if not self.handshake_complete:  # a client must wait for the response (RFC 6455, 4.1)
            self.transport.close()
            return
        for start in range(0, len(data), PARSE_BYTES_MAX):
            super().data_received(data[start : start + PARSE_BYTES_MAX])
            if self.transport.is_closing():
                return
            if self._frames > FRAMES_MAX or len(self.frames) > FRAGMENTS_MAX:
                self._fail(CloseCode.POLICY_VIOLATION, "Too many frames.")
                return

    def handle_events(self) -> None:
        """Count frames in fixed windows before handling them."""
        if self.loop.time() - self._window_started_at > FRAMES_WINDOW_S:
            self._frames, self._window_started_at = 0, self.loop.time()
        self._frames += len(self.conn.events)
        super().handle_events()

    def keepalive_timeout(self) -> None:
        """Close; abort if the peer does not even read what is pending."""
        super().keepalive_timeout()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.detach()
        super().connection_lost(exc)

    def _on_handshake_timeout(self) -> None:
        self.send_500_response()
        self.transport.close()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.conn.fail(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
