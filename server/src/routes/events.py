"""The live stream: `WS /api/ws` sends what happens as JSON, `{type, seq, at, data}`."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from src.services.event_bus import Event, EventBus

HEARTBEAT_EVERY_S = 15.0
# Close codes of RFC 6455, section 7.4.1.
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013

router = APIRouter(prefix="/api")


@router.websocket("/ws")
async def stream_events(websocket: WebSocket) -> None:
    """Send events until the client leaves. `seq` grows by one; after a gap or `resync` the client reads again."""
    events: EventBus = websocket.app.state.parts.events
    if not _may_watch(websocket):
        await websocket.close(POLICY_VIOLATION, "This origin may not watch.")
        return
    caller: str = websocket.scope["caller"]
    await websocket.accept()
    if events.is_full_for(caller):
        await websocket.close(TRY_AGAIN_LATER, "Too many watch already.")
        return
    with events.watching(caller) as queue:
        leaving = asyncio.create_task(_until_it_leaves(websocket))
        sending = asyncio.create_task(_send(websocket, queue))
        await asyncio.wait([leaving, sending], return_when=asyncio.FIRST_COMPLETED)
        for task in (leaving, sending):
            task.cancel()
        await asyncio.gather(leaving, sending, return_exceptions=True)


async def _send(websocket: WebSocket, queue: "asyncio.Queue[Event]") -> None:
    seq = 0
    event = Event("hello", {"heartbeat_s": HEARTBEAT_EVERY_S})
    with suppress(WebSocketDisconnect, RuntimeError):  # it left while we were sending
        while True:
            seq += 1
            await websocket.send_text(_written(event, seq))
            try:
                async with asyncio.timeout(HEARTBEAT_EVERY_S):
                    event = await queue.get()
            except TimeoutError:
                event = Event("ping", {})


async def _until_it_leaves(websocket: WebSocket) -> None:
    """Read what the client says; there is nothing that it could say."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


def _written(event: Event, seq: int) -> str:
    message: dict[str, Any] = {"type": event.type, "seq": seq, "at": datetime.now(UTC), "data": event.data}
    return orjson.dumps(message, option=orjson.OPT_UTC_Z).decode()


def _may_watch(websocket: WebSocket) -> bool:
    """Browsers do not apply CORS to WebSockets, so we do; a program that is no browser sends no Origin."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in websocket.app.state.cors_allowed_origins:
        return True
    try:
        return urlsplit(origin).netloc == websocket.headers.get("host")
    except ValueError:  # such as an address whose bracket is never closed
        return False
