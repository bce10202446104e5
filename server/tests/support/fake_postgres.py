"""Servers that are not a supported PostgreSQL, defined by the bytes they send.

The answers are those of PgBouncer 1.18, PostgreSQL 13 and a PostgreSQL without TLS.
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SSL_REQUEST = struct.pack("!ii", 8, 80_877_103)


def refusal(sqlstate: str, message: str) -> bytes:
    """Return an ErrorResponse message."""
    fields = b"SFATAL\0VFATAL\0C%s\0M%s\0\0" % (sqlstate.encode(), message.encode())
    return b"E" + struct.pack("!i", 4 + len(fields)) + fields


PGBOUNCER = refusal("08P01", "unsupported startup parameter: default_transaction_isolation")
POSTGRESQL_13 = refusal("42704", 'unrecognized configuration parameter "idle_session_timeout"')
FULL = refusal("53300", "sorry, too many clients already")
STARTING = refusal("57P03", "the database system is starting up")


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[int]:
    """Serve on a port: refuse TLS, then send the reply to each new session; None never replies."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if answer is None:
                await reader.read()
            begun = await reader.readexactly(8)
            if begun == SSL_REQUEST:
                writer.write(b"N")
                begun = await reader.readexactly(8)
            writer.write(answer or b"")
            await writer.drain()
        except asyncio.IncompleteReadError:  # it gave up
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
