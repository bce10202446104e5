"""The live stream: `WS /api/ws` and `GET /api/events` send what happens as JSON, `{type, seq, at, data}`."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from secrets import randbelow
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response, WebSocket, WebSocketDisconnect
from starlette.types import Receive, Scope
from starlette.types import Send as SendMessage

from src.routes.http.dependencies import CallerDependency, PartsDependency, caller_of, parts_of
from src.routes.http.problems import instance_of, problem, responses
from src.routes.http.strict_query import PlainRoute
from src.routes.wire.tickets import TicketAnswer
from src.services.identity.caller import Caller
from src.services.identity.sessions import Sessions
from src.services.live.event_bus import EventBus, Watcher
from src.services.live.frames import Event, Frame, SendNow
from src.services.live.live_updates import HEARTBEAT_EVERY_S
from src.services.parts import Parts

TICKETS_ROUTE = "/api/ws/tickets"
#: Of one caller, who has 50 streams at most; each break asks for a new ticket.
TICKETS_RATE = "300/minute"
ASK_AGAIN_AFTER_S = 30
#: The code that a socket is closed with when its key is no longer good.
KEY_REFUSED = 4401
#: The extension of ASGI with which our server writes frames that are encoded already.
ENCODED = "websocket.encoded"

Send = Callable[[Frame], Awaitable[None]]

EXAMPLE = (
    "retry: 3127\n\nid: 5f1d2c3b4a596877-7\n"
    'data: {"type":"queue.changed","seq":7,"at":"2026-01-31T09:30:00Z",'
    '"data":{"waiting":3,"processing_request_id":null}}\n\n'
)
#: When the browser is to come back after a break, milliseconds: somewhere between, so that not all come together.
RETRY_MS = (1_000, 5_000)

router = APIRouter(prefix="/api", tags=["Events"], route_class=PlainRoute)


@router.websocket("/ws")
async def stream_events(websocket: WebSocket) -> None:
    """Send frames until the client leaves. `seq` grows by one; after a gap or `resync` the client reads again."""
    parts: Parts = websocket.app.state.parts
    caller: Caller = websocket.scope["caller"]
    bus = parts.streams.of(caller.view)
    if bus.is_full_for(caller.name):
        await _refuse(websocket)
        return
    # The place is held before the handshake is answered: many at once are not to pass the limit together.
    with bus.place(caller.name):
        await websocket.accept()
        send_now, send = _ways_to_send(websocket)
        with bus.watching(_greeting, send_now) as watcher:
            await _first_to_end(
                _send_all(watcher, send),
                _until_it_leaves(websocket),
                _until_refused(parts.identity.sessions, websocket),
            )


def _greeting(spread_s: float) -> Event:
    return Event("hello", {"heartbeat_s": HEARTBEAT_EVERY_S, "spread_s": spread_s})


async def _refuse(websocket: WebSocket) -> None:
    """Answer before the upgrade: a socket that was opened to be closed would be held and counted by nobody."""
    await websocket.send_denial_response(_refusal(websocket.scope))


def _refusal(scope: Scope) -> Response:
    detail = "Too many watch already, from this address or at all."
    return problem(503, "unavailable", detail, instance_of(scope), headers={"retry-after": str(ASK_AGAIN_AFTER_S)})


class EventStream(Response):
    """A response that goes on until the client leaves or the server stops.

    Args:
        bus: what is sent.
        sessions: tell when the caller's key is no longer good.
        caller: whose place it takes.
        last_id: the id of the last event that the client got, if it was here before.
    """

    media_type = "text/event-stream"

    def __init__(self, bus: EventBus, sessions: Sessions, caller: Caller, last_id: str | None) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._bus = bus
        self._sessions = sessions
        self._caller = caller
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        """Send what happens, or that there is no place."""
        if self._bus.is_full_for(self._caller.name):
            await _refusal(scope)(scope, receive, send)
            return
        # As with WebSockets, the place is held before the answer begins.
        with self._bus.place(self._caller.name):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                with self._bus.following(_greeting, self._last_id) as watcher:
                    await _first_to_end(
                        _stream_all(watcher, send),
                        _until_disconnected(receive),
                        _until_set(self._bus.ending),
                        self._sessions.until_refused(self._caller),
                    )
            await send({"type": "http.response.body", "body": b""})


@router.head("/events", include_in_schema=False)
@router.get(
    "/events",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
            "description": "Events, until the client leaves or the server stops; a comment after 15 s without one.",
        },
        **responses(503),
    },
)
async def stream_events_over_http(
    request: Request,
    last_event_id: Annotated[
        str | None,
        Header(description="The id of the last event that was got: what was missed since then comes first."),
    ] = None,
    # The middleware reads it; here it is what the strict query knows, and in the document a security scheme.
    _ticket: Annotated[str | None, Query(alias="ticket", include_in_schema=False)] = None,
) -> Response:
    """Send what happens as Server-Sent Events, the same events as over the WebSocket, as `data` each.

    After a break a browser names the last event it got. What was missed follows, or `resync` where that is not known:
    after more than 30 s without anybody there, more than 512 KiB, or at another server.
    """
    parts, caller = parts_of(request), caller_of(request)
    return EventStream(parts.streams.of(caller.view), parts.identity.sessions, caller, last_event_id)


@router.post("/ws/tickets", status_code=201, response_model=TicketAnswer, responses=responses(429, 503))
async def create_ticket(caller: CallerDependency, parts: PartsDependency) -> TicketAnswer:
    """Create a ticket for one `WS /api/ws?ticket=…` or `GET /api/events?ticket=…`, at any server.

    For browsers, which can send no header there; other clients send the key. The stream has the account and the scopes
    of your key, and ends with it. A ticket that was used, or not within 30 s, is a 401 before the stream begins.
    """
    return TicketAnswer(ticket=await parts.identity.tickets.issue(caller))


async def _until_refused(sessions: Sessions, websocket: WebSocket) -> None:
    """Close the socket when the key that opened it is no longer good."""
    await sessions.until_refused(websocket.scope["caller"])
    with suppress(WebSocketDisconnect, RuntimeError, OSError):
        await websocket.close(KEY_REFUSED, "The key is no longer good.")


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


async def _stream_all(watcher: Watcher, send: SendMessage) -> None:
    """Send one event after the other; while the connection's buffer is full, this waits, and nobody else does."""
    first, last = RETRY_MS
    more: bytes = b"retry: %d\n\n" % (first + randbelow(last - first))
    while True:
        more += (await watcher.next()).for_event_stream
        await send({"type": "http.response.body", "body": more, "more_body": True})
        more = b""


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until_set(event: asyncio.Event) -> None:
    await event.wait()
