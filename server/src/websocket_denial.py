"""WebSockets that are refused with an answer of our own, such as a problem with status 421.

uvicorn takes each of them for an application that failed, and logs an error (Kludex/uvicorn#3138).
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class DenyingWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, in which a refusal is an end of the handshake."""

    async def send(self, message: Any) -> None:
        """Send; a refusal that is on its way completes the handshake."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True
