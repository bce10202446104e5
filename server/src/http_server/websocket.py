"""WebSockets: uvicorn's protocol, counted against the connection limit, with limits on incoming frames."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request
from websockets.typing import ExtensionParameter

from src.http_server.limits import FRAGMENTS_MAX, FRAMES_MAX, FRAMES_WINDOW_S, PARSE_BYTES_MAX
from src.http_server.transport import GuardedTransport

#: Fed to the WebSocket parser in place of the real head, which is already parsed: two parsers could disagree on it.
_PLACEHOLDER_HEAD = b"GET / HTTP/1.1\r\n\r\n"


class SharedDeflate(ServerPerMessageDeflateFactory):
    """`permessage-deflate` (RFC 7692) without context takeover.

    A message is the same bytes for every client, and no connection keeps a window. Offers that require a smaller server
    window are declined.
    """

    def __init__(self) -> None:
        super().__init__(server_no_context_takeover=True, client_no_context_takeover=True)

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        """Accept an offer on the shared terms.

        Raises:
            NegotiationError: it requires a smaller server window.
        """
        if any(name == "server_max_window_bits" for name, _ in params):
            raise NegotiationError("the server's window is the same for every client")
        return super().process_request_params(params, accepted_extensions)


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
        self.conn.available_extensions = [SharedDeflate()]
        self._handshake_request = request
        self._frames = 0
        self._window_started_at = self.loop.time()

    def begin(self, transport: GuardedTransport, timeout_s: float) -> None:
        """Take over the transport and run the app, which must accept or reject within `timeout_s` seconds."""
        self.connection_made(transport)
        transport.set_protocol(self)
        transport.timer.set_deadline(timeout_s, self._on_handshake_timeout)
        super().data_received(_PLACEHOLDER_HEAD)

    def handle_connect(self, _: Request) -> None:
        """Handle the request as the HTTP parser read it, not the placeholder."""
        super().handle_connect(self._handshake_request)
        if self.handshake_initiated and not self.close_sent:  # the app's task has not run yet
            self.scope["extensions"]["websocket.encoded"] = {
                "write": self.write_encoded,
                "until_writable": self.until_writable,
                "deflate": bool(self.conn.extensions),
            }

    def write_encoded(self, frame: bytes) -> bool:
        """Write an encoded frame (RFC 6455, 5.2) unless the write buffer is full; returns whether it was written.

        `write` of the ASGI extension `websocket.encoded`, with which an app encodes a broadcast once.
        """
        if not self._is_open or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True

    async def until_writable(self) -> None:
        """Wait until the write buffer has drained.

        Raises:
            ClientDisconnected: the WebSocket has ended.
        """
        await self.writable.wait()
        if not self._is_open:
            raise ClientDisconnected

    @property
    def _is_open(self) -> bool:
        has_ended = self.close_sent or self.disconnected or self.transport.is_closing()
        return self.handshake_complete and not has_ended

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
        self.transport.timer.rely_on_pings()

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
