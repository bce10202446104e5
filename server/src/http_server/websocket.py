"""WebSockets: uvicorn's protocol with a place among the connections, and limits on what a watcher says."""

import asyncio
from collections.abc import Mapping
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode
from websockets.http11 import Request

from src.http_server.limits import FRAGMENTS_MAX, FRAMES_MAX, FRAMES_WITHIN_S, PIECE_BYTES
from src.http_server.transport import GuardedTransport

#: Read in place of the head, which was read already: what two parsers see could differ.
_NO_HEAD = b"GET / HTTP/1.1\r\n\r\n"


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket: taken over from HTTP with its transport, whose place it keeps until it is gone."""

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
        self._asked = request
        self._frames = 0
        self._counts_since_s = self.loop.time()

    def begin(self, transport: GuardedTransport, within_s: float) -> None:
        """Ask the app, which has to answer within so many seconds."""
        self.connection_made(transport)
        transport.set_protocol(self)
        transport.expect(within_s, self._refuse_late)
        super().data_received(_NO_HEAD)

    def handle_connect(self, _: Request) -> None:
        """Take the request as HTTP read it."""
        super().handle_connect(self._asked)

    async def send(self, message: Any) -> None:
        """Send; a refusal that is on its way completes the handshake.

        uvicorn takes each refusal with an answer of the app's own for an app that failed, and logs an error
        (Kludex/uvicorn#3138).
        """
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def start_keepalive(self) -> None:
        """Begin to ping, which is what guards an open WebSocket."""
        super().start_keepalive()
        self.transport.expect_nothing()

    def data_received(self, data: bytes) -> None:
        """Read frames, so many at a time."""
        if not self.handshake_complete:  # a client has to wait for the answer (RFC 6455, 4.1)
            self.transport.close()
            return
        for at in range(0, len(data), PIECE_BYTES):
            super().data_received(data[at : at + PIECE_BYTES])
            if self.transport.is_closing():
                return
            if self._frames > FRAMES_MAX or len(self.frames) > FRAGMENTS_MAX:
                self._fail(CloseCode.POLICY_VIOLATION, "Too many frames.")
                return

    def handle_events(self) -> None:
        """Count frames."""
        if self.loop.time() - self._counts_since_s > FRAMES_WITHIN_S:
            self._frames, self._counts_since_s = 0, self.loop.time()
        self._frames += len(self.conn.events)
        super().handle_events()

    def keepalive_timeout(self) -> None:
        """Close; at once, if it does not even take what waits for it."""
        super().keepalive_timeout()
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place."""
        self.transport.end()
        super().connection_lost(exc)

    def _refuse_late(self) -> None:
        self.send_500_response()
        self.transport.close()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self.conn.fail(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
