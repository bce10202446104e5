"""The live stream: `WS /api/ws` sends what happens as JSON, `{type, seq, at, data}`."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from src.routes.http.problems import instance_of, problem
from src.services.live.event_bus import EventBus, Watcher
from src.services.live.frames import Event, Frame, SendNow
from src.services.live.live_updates import HEARTBEAT_EVERY_S

ASK_AGAIN_AFTER_S = 30
#: The extension of ASGI with which our server writes frames that are encoded already.
ENCODED = "websocket.encoded"

Send = Callable[[Frame], Awaitable[None]]

router = APIRouter(prefix="/api")


@router.websocket("/ws")
async def stream_events(websocket: WebSocket) -> None:
    """Send frames until the client leaves. `seq` grows by one; after a gap or `resync` the client reads again."""
    bus: EventBus = websocket.app.state.parts.events
    caller: str = websocket.scope["caller"].name
    if bus.is_full_for(caller):
        await _refuse(websocket)
        return
    # The place is held before the handshake is answered: many at once are not to pass the limit together.
    with bus.place(caller):
        await websocket.accept()
        send_now, send = _ways_to_send(websocket)
        with bus.watching(_greeting, send_now) as watcher:
            await _first_to_end(_send_all(watcher, send), _until_it_leaves(websocket))


def _greeting(spread_s: float) -> Event:
    return Event("hello", {"heartbeat_s": HEARTBEAT_EVERY_S, "spread_s": spread_s})


async def _refuse(websocket: WebSocket) -> None:
    """Answer before the upgrade: a socket that was opened to be closed would be held and counted by nobody."""
    detail = "Too many watch already, from this address or at all."
    headers = {"retry-after": str(ASK_AGAIN_AFTER_S)}
    await websocket.send_denial_response(
        problem(503, "unavailable", detail, instance_of(websocket.scope), headers=headers)
    )


async def _first_to_end(*works: Coroutine[Any, Any, None]) -> None:
    """Run until one ends, and end the others, also when we are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _ways_to_send(websocket: WebSocket) -> tuple[SendNow, Send]:
    """Give a way to send at once and one that waits while the socket's buffer is full.

    Our server takes frames as they go over the wire, so that they are encoded once for all; others, texts.
    """
    encoded = websocket.scope["extensions"].get(ENCODED)
    if encoded is None:
        return (lambda _: False), lambda frame: websocket.send({"type": "websocket.send", "text": frame.text})
    write, until_writable = encoded["write"], encoded["until_writable"]

    def send_now(frame: Frame) -> bool:
        written: bool = write(frame.deflated_for_websocket if encoded["deflate"] else frame.for_websocket)
        return written

    async def send(frame: Frame) -> None:
        while not send_now(frame):
            await until_writable()

    return send_now, send


async def _send_all(watcher: Watcher, send: Send) -> None:
    """Send one frame after the other; while the socket's buffer is full, this waits, and nobody else does."""
    with suppress(WebSocketDisconnect, RuntimeError, OSError):  # it left while we were sending
        while True:
            await send(await watcher.next())


async def _until_it_leaves(websocket: WebSocket) -> None:
    """Read what the client says; there is nothing that it could say."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
