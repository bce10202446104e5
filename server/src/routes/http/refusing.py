"""Answering a call before it reaches its operation, also the handshake of a WebSocket."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Response) -> None:
    """Send a refusal; a handshake whose server cannot send a response is closed."""
    if scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", ()):
        await refusal(scope, receive, send)
    else:
        await send({"type": "websocket.close"})
