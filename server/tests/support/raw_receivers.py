"""Receivers that send exactly the given bytes, on local sockets: good, slow, broken or hostile."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

#: A reset may overtake what was sent just before it.
UNREAD_FOR_S = 0.05


def says(*answers: bytes) -> Answer:
    """Send one response after the other, repeating the last."""
    left = list(answers)

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()

    return answer


def then_closes(data: bytes, *, reset: bool = False) -> Answer:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if reset:
            await asyncio.sleep(UNREAD_FOR_S if data else 0)
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        writer.close()

    return answer


def in_turn(*answers: Answer) -> Answer:
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    return answer


def repeats(head: bytes, piece: bytes, pause_s: float = 0) -> Answer:
    """Sends the head once and the piece until the other side goes away."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return answer


async def hangs(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


class RawReceiver:
    """Responds to every request as configured, counts requests, and detects when the client closes the connection."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self.connections = 0
        self.open = 0
        self.requests: list[bytes] = []

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                self.requests.append(await _request(reader))
                await self._notify()
                await self._answer(reader, writer)
        self.open -= 1
        writer.transport.abort()
        with contextlib.suppress(asyncio.CancelledError):
            await self._notify()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(1), self._changed:
            await self._changed.wait_for(happened)

    async def dropped(self, connections: int = 1) -> None:
        """Wait until the client has closed so many connections, without waiting for the receiver to close."""
        await self.until(lambda: self.connections - self.open >= connections)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(b": ") for line in head.split(b"\r\n")[1:])}
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
