"""A proxy between the service and PostgreSQL that cuts, resets, stalls, delays, and drops single responses."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Any

from sqlalchemy.engine import make_url

CHUNK_BYTES_MAX = 65_536
#: Closing a socket that lingers for 0 s sends RST instead of FIN.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_FIELDS = b"SFATAL\0VFATAL\0C57P02\0Mterminating connection because of crash of another server process\0\0"
CRASH_OF_ANOTHER_PROCESS = b"E" + struct.pack("!i", 4 + len(_FIELDS)) + _FIELDS


class Loss(Enum):
    """What happens to a matching statement and its connection."""

    #: It never arrives; the connection is cut.
    STATEMENT = "the statement is lost"
    #: It arrives; the connection is cut at once, while the server works on it.
    CONNECTION = "the connection is lost behind the statement"
    #: It arrives and takes effect; the connection is reset when the answer comes.
    ANSWER = "the answer is lost"
    #: It arrives and takes effect; the answer never comes, and the connection stays open.
    SILENCE = "the answer is kept back"


class FaultyProxy:
    """Passes on what it is told to, between a port of 127.0.0.1 and a Unix socket.

    Args:
        socket_path: where PostgreSQL listens.
    """

    def __init__(self, socket_path: str) -> None:
        self.port = 0
        #: Every piece of data waits so long on its way.
        self.delay_s = 0.0
        #: Data goes on byte by byte.
        self.one_byte = False
        #: New connections are closed at once.
        self.refuses = False
        #: How often a statement that was waited for came by.
        self.losses = 0
        self._socket_path = socket_path
        self._links: set[_Link] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._awaited: tuple[bytes, Loss] | None = None

    def stall(self) -> None:
        """Stall all data without closing connections."""
        self._flows.clear()

    def go_on(self) -> None:
        """Forward data again."""
        self._flows.set()

    def cut(self, *, reset: bool = False) -> int:
        """Close every connection, by a reset or gracefully; returns their number."""
        links = list(self._links)
        for link in links:
            link.close(reset=reset)
        return len(links)

    def say_goodbye(self) -> None:
        """Send every client PostgreSQL's crash message, without closing the connections."""
        for link in self._links:
            link.say(CRASH_OF_ANOTHER_PROCESS)

    def lose(self, marker: bytes, loss: Loss) -> None:
        """Apply a fault to the next statement that contains these bytes."""
        self._awaited = (marker, loss)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            if self.refuses:
                raise ConnectionRefusedError
            server_reader, server_writer = await asyncio.open_unix_connection(self._socket_path)
        except OSError:
            writer.close()
            return
        link = _Link(writer, server_writer)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._to_server(reader, server_writer, link))
                pumps.create_task(self._to_client(server_reader, writer, link))
        finally:
            self._links.discard(link)
            link.close()

    async def _to_server(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, link: "_Link") -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES_MAX):
                loss = self._loss_of(data)
                if loss is Loss.STATEMENT:
                    link.close()
                    return
                link.loses_answer = link.loses_answer or loss
                await self._pass_on(data, server)
                if loss is Loss.CONNECTION:
                    link.close()
                    return
        link.close()

    async def _to_client(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, link: "_Link") -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES_MAX):
                if link.loses_answer is Loss.ANSWER:
                    link.close(reset=True)
                    return
                if link.loses_answer is None:
                    await self._pass_on(data, client)
        link.close()

    def _loss_of(self, data: bytes) -> Loss | None:
        if self._awaited is None or self._awaited[0] not in data:
            return None
        loss = self._awaited[1]
        self._awaited = None
        self.losses += 1
        return loss

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        pieces = [data[at : at + 1] for at in range(len(data))] if self.one_byte else [data]
        for piece in pieces:
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._flows.wait()
            writer.write(piece)
            await writer.drain()


class _Link:
    """The two ends of one connection."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._ends = (client, server)
        self.loses_answer: Loss | None = None

    def say(self, words: bytes) -> None:
        client, _ = self._ends
        client.write(words)

    def close(self, *, reset: bool = False) -> None:
        client, server = self._ends
        if reset and not client.is_closing():
            raw: Any = client.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            client.transport.abort()
        client.close()
        server.close()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[tuple[FaultyProxy, str]]:
    """Put a proxy in front of a database.

    Args:
        url: how to reach it through a Unix socket.

    Yields:
        The proxy, and the URL that leads through it.
    """
    parsed = make_url(url)
    proxy = FaultyProxy(f"{parsed.query['host']}/.s.PGSQL.{parsed.query.get('port', 5432)}")
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    through = parsed.set(host="127.0.0.1", port=proxy.port, query={"ssl": "disable"})
    try:
        yield proxy, through.render_as_string(hide_password=False)
    finally:
        server.close()
        proxy.cut()
        proxy.go_on()
        # Not wait_closed(): from 3.12 on it waits for connections too, and these have been cut.
