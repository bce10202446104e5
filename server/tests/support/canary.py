"""A canary: listens on forbidden addresses (both loopbacks) and counts connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.support.ports import free_port

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PORTS_TRIED_MAX = 20


@dataclass
class Canary:
    """Connections and bytes received."""

    port: int = 0
    connections: int = 0
    answer: bytes = ANSWER
    #: Every byte of every connection, in no order.
    received: bytearray = field(default_factory=bytearray)

    @property
    def doors(self) -> set[tuple[str, int]]:
        """The port it listens on."""
        return {("127.0.0.1", self.port), ("::1", self.port)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.received += await reader.read(65_536)
        writer.write(self.answer)
        writer.close()


@asynccontextmanager
async def listening(canary: Canary) -> AsyncIterator[Canary]:
    """Listen on one port of 127.0.0.1 and ::1."""
    for _ in range(PORTS_TRIED_MAX):
        canary.port = free_port()
        try:
            server = await asyncio.start_server(canary.serve, ["127.0.0.1", "::1"], canary.port)
        except OSError:  # somebody else took it, on one of the two
            continue
        async with server:
            yield canary
        return
    raise AssertionError("no port is free on both loopback addresses")
