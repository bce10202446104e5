"""A proxy for an S3 server that forwards, responds in its place, or stays silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

READ_BYTES = 65_536
_CODES = {500: "InternalError", 503: "SlowDown", 507: "QuotaExceeded", 403: "RequestTimeTooSkewed"}


class S3Front:
    """A proxy of bytes, so that signatures stay what they are.

    Args:
        endpoint: the S3 server's.
    """

    def __init__(self, endpoint: str) -> None:
        self._host, self._port = urlsplit(endpoint).hostname, urlsplit(endpoint).port
        self._open: set[asyncio.StreamWriter] = set()
        self._answers: int | None = None
        #: How long every request is held up.
        self.delay_s = 0.0
        self.endpoint = ""

    def answer(self, status: int | None) -> None:
        """Respond in the server's place from now on; None forwards everything."""
        self._answers = status
        for writer in self._open:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if self._answers is not None:
                await self._refuse(reader, writer, self._answers)
            else:
                await self._pass_on(reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = f"<Error><Code>{_CODES[status]}</Code><Message>as told</Message></Error>".encode()
        head = f"HTTP/1.1 {status} Refused\r\ncontent-type: application/xml\r\ncontent-length: {len(body)}\r\n"
        writer.write(head.encode() + b"connection: close\r\n\r\n" + body)
        await writer.drain()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(self._host, self._port)
        self._open.add(upstream_writer)
        try:
            await asyncio.gather(
                self._pump(reader, upstream_writer, held_up=True), self._pump(upstream_reader, writer, held_up=False)
            )
        finally:
            self._open.discard(upstream_writer)
            upstream_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, held_up: bool) -> None:
        while data := await reader.read(READ_BYTES):
            if held_up:
                await asyncio.sleep(self.delay_s)
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def s3_front(endpoint: str) -> AsyncIterator[S3Front]:
    """Serve a front on 127.0.0.1."""
    front = S3Front(endpoint)
    server = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    front.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield front
    server.close()
    front.answer(500)  # what is still open is closed
