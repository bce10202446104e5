"""TLS in front of a PostgreSQL that has none, as hosted ones do it: the same bytes, decrypted, go to a Unix socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.fake_postgres import SSL_REQUEST

CHUNK_BYTES = 65_536


@dataclass
class TlsFront:
    """The port, and the number of encrypted sessions."""

    port: int = 0
    encrypted: int = 0


@asynccontextmanager
async def tls_front(socket_path: Path, context: ssl.SSLContext) -> AsyncIterator[TlsFront]:
    """Serve on a port of 127.0.0.1."""
    front = TlsFront()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            begun = await reader.readexactly(8)
            if begun == SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(context)
                front.encrypted += 1
                begun = b""
            inner_reader, inner_writer = await asyncio.open_unix_connection(str(socket_path))
            inner_writer.write(begun)
            await asyncio.gather(_relay(reader, inner_writer), _relay(inner_reader, writer))
        except (OSError, asyncio.IncompleteReadError):  # the client does not trust us, or left
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
