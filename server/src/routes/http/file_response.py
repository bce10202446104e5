"""Bytes of a stored report as an answer, read in threads."""

import asyncio
from collections.abc import Iterator, Mapping

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from src.errors import Unavailable
from src.routes.http.ranges import Part
from src.services.report_files.storage import OpenReport


class ReportResponse(Response):
    """Sends a part of a report, and closes it.

    Args:
        report: has at least the bytes of the part; closed when the answer has ended.
        part: which bytes.
        status: 200, or 206 for less than the whole.
        headers: without `Content-Length`.
        media_type: of the whole.
    """

    def __init__(
        self, report: OpenReport, part: Part, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(None, status, {**headers, "content-length": str(part.length)}, media_type)
        self._report = report
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and for a GET the bytes. The first are read before: what cannot be read is a problem.

        Raises:
            Unavailable: it cannot, and nothing was sent.
        """
        start: Message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        try:
            if scope["method"] == "HEAD":
                await send(start)
                await send({"type": "http.response.body", "body": b""})
            else:
                chunks = self._report.chunks(self._part.first, self._part.length)
                try:
                    first = await asyncio.to_thread(next, chunks)
                except OSError as error:
                    raise Unavailable("The report cannot be read now; GET /api/health says more.") from error
                await send(start)
                await self._send_bytes(first, chunks, receive, send)
        finally:
            # After a read that was cancelled one may still go on in its thread; nobody looks at what it read.
            self._report.close()

    async def _send_bytes(self, chunk: bytes, chunks: Iterator[bytes], receive: Receive, send: Send) -> None:
        left = self._part.length
        leaving: asyncio.Task[None] | None = None
        try:
            while True:  # an error ends the answer before its length: the client sees that it is short
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
                if not left:
                    return
                if leaving is None:
                    leaving = asyncio.create_task(_until_it_leaves(receive))
                if leaving.done():
                    return  # nobody reads what would still come
                chunk = await asyncio.to_thread(next, chunks)
        finally:
            if leaving is not None:
                leaving.cancel()


async def _until_it_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
