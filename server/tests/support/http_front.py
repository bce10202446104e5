"""One in-memory connection of the HTTP server: its transport, a virtual clock, and a controllable app."""

import asyncio
import heapq
import itertools
import socket
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from src.http_server.protocol import LimitedHttpProtocol, limited_protocol
from src.http_server.transport import GuardedTransport

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class MovedLoop:
    """The part of an event loop that a protocol uses: tasks run on the real loop, time is virtual."""

    def __init__(self) -> None:
        self._now_s = 1_000.0
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._numbers = itertools.count()

    def time(self) -> float:
        return self._now_s

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: object) -> asyncio.TimerHandle:
        when = self._now_s + delay_s
        timer = asyncio.TimerHandle(when, callback, args, self)  # type: ignore[arg-type]
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, _: asyncio.TimerHandle) -> None:
        """Required by `TimerHandle`."""

    def create_task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work)

    @property
    def armed(self) -> int:
        """Active timers."""
        return sum(not timer.cancelled() for _, _, timer in self._timers)

    async def pass_by(self, seconds: float) -> None:
        """Advance time, and run everything that becomes due."""
        end_s = self._now_s + seconds
        await settle()
        while self._timers and self._timers[0][0] <= end_s:
            self._now_s, _, timer = heapq.heappop(self._timers)
            if not timer.cancelled():
                timer._run()
            await settle()
        self._now_s = end_s


async def settle() -> None:
    """Run everything that is ready."""
    for _ in range(20):
        await asyncio.sleep(0)


class Wire(asyncio.Transport):
    """The peer: accepts everything that is written, unless `takes` limits it."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self.sent = bytearray()
        self.waiting = bytearray()
        self.takes = True
        self.is_paused = False
        self.ended: str | None = None
        self.has_eof = False
        self.protocol: asyncio.BaseProtocol | None = None
        #: Real sockets, where bytes have come that were not read.
        self._unread: tuple[socket.socket, socket.socket] | None = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket" and self._unread is not None:
            return self._unread[0]
        return (self._address, 5) if name == "peername" else default

    def leave_unread(self, data: bytes) -> None:
        """Add bytes that the event loop has not read yet."""
        self._unread = socket.socketpair()
        self._unread[1].sendall(data)

    def read_all(self) -> None:
        """Clear the pending bytes."""
        if self._unread is not None:
            for end in self._unread:
                end.close()
            self._unread = None

    def write(self, data: Any) -> None:
        self.waiting += data
        if self.takes:
            self.take(len(self.waiting))

    def take(self, size: int) -> None:
        """Read up to `size` of the pending bytes."""
        self.sent += self.waiting[:size]
        del self.waiting[:size]
        if self.ended == "closing" and not self.waiting:
            self._end("closed")

    def get_write_buffer_size(self) -> int:
        return len(self.waiting)

    def write_eof(self) -> None:
        self.has_eof = True

    def close(self) -> None:
        if self.ended is None:
            self.ended = "closing"
            if not self.waiting:
                self._end("closed")

    def abort(self) -> None:
        if self.ended in {None, "closing"}:
            self._end("aborted")

    def reset(self) -> None:
        self._end("reset", ConnectionResetError())

    def _end(self, how: str, error: Exception | None = None) -> None:
        self.ended = how
        assert isinstance(self.protocol, asyncio.Protocol)
        self.protocol.connection_lost(error)

    def is_closing(self) -> bool:
        return self.ended is not None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class App:
    """Reads the body, waits until released, and responds with the path and the body."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.reads_first = True
        self.seen: list[Scope] = []
        self.bodies: list[bytes] = []
        self.error: Exception | None = None
        self.accepts = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope)
        if scope["type"] == "websocket":
            await self._watch(receive, send)
            return
        body, more = b"", self.reads_first
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await self.may_answer.wait()
        if self.error:
            raise self.error
        answer = scope["path"].encode() + b" " + body
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})

    async def _watch(self, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await self.may_answer.wait()
        if self.error:
            raise self.error
        await send({"type": "websocket.accept"} if self.accepts else {"type": "websocket.close"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


def _config(app: ASGIApp) -> uvicorn.Config:
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws_max_size=65_536)
    config.load()
    return config


class Connection:
    """A connection to a new server and app, or to those of another connection."""

    opened: ClassVar[list["Connection"]] = []

    def __init__(
        self,
        app: ASGIApp | None = None,
        other: "Connection | None" = None,
        address: str = "127.0.0.1",
        wire: type[Wire] = Wire,
        **limits: Any,
    ) -> None:
        self.app = App()
        self.config: uvicorn.Config = other.config if other else _config(app or self.app)
        self.kind: type[LimitedHttpProtocol] = other.kind if other else limited_protocol(**limits)
        self.state: ServerState = other.state if other else ServerState()
        self.loop = MovedLoop()
        loop: Any = self.loop
        self.protocol = self.kind(config=self.config, server_state=self.state, app_state={}, _loop=loop)
        self.wire = wire(address)
        self.wire.protocol = self.protocol
        self.protocol.connection_made(self.wire)
        self.opened.append(self)

    async def send(self, *pieces: bytes) -> None:
        """Send segments, and let the server process each."""
        for piece in pieces:
            assert isinstance(self.wire.protocol, asyncio.Protocol)
            self.wire.protocol.data_received(piece)
            await settle()

    @property
    def taken(self) -> int:
        """Connection slots in use at this server."""
        return self.kind.connection_limit.in_use.total()

    @property
    def statuses(self) -> list[int]:
        """Statuses of the responses so far."""
        return [int(part[:3]) for part in bytes(self.wire.sent).split(b"HTTP/1.1 ")[1:]]

    @property
    def guarded(self) -> GuardedTransport:
        return self.protocol.transport

    @classmethod
    async def end_all(cls) -> None:
        """Clean up after a test, whatever its result."""
        for connection in cls.opened:
            connection.app.may_answer.set()
            connection.wire.read_all()
            if connection.wire.ended in {None, "closing"}:
                connection.wire.reset()
        cls.opened.clear()
        await settle()
