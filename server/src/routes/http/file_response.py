"""A response with the bytes of a stored report, read in threads."""

import asyncio
from collections.abc import Iterator, Mapping

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from src.errors import Unavailable
from src.routes.http.ranges import Part
from src.services.report_files.storage import OpenReport


class ReportResponse(Response):
    """Sends a part of a report and closes it.

    Args:
        report: the open report; closed when the response has ended.
        part: the bytes to send, which must exist.
        status: 200, or 206 for less than the whole report.
        headers: response headers, without `Content-Length`.
        media_type: the media type of the report.
    """

    def __init__(
        self, report: OpenReport, part: Part, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(None, status, {**headers, "content-length": str(part.length)}, media_type)
        self._report = report
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response. The first chunk is read before the head is sent, so that a read error is a problem.

        Raises:
            Unavailable: the report cannot be read; nothing was sent.
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
                    raise Unavailable("The report cannot be read now; see GET /api/health for details.") from error
                await send(start)
                await self._send_bytes(first, chunks, receive, send)
        finally:
            # A cancelled read may still be running in its thread; its result is discarded.
            self._report.close()

    async def _send_bytes(self, chunk: bytes, chunks: Iterator[bytes], receive: Receive, send: Send) -> None:
        left = self._part.length
        disconnected: asyncio.Task[None] | None = None
        try:
            while True:  # an error truncates the response, which the client detects by its length
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
                if not left:
                    return
                if disconnected is None:
                    disconnected = asyncio.create_task(_wait_for_disconnect(receive))
                if disconnected.done():
                    return
                chunk = await asyncio.to_thread(next, chunks)
        finally:
            if disconnected is not None:
                disconnected.cancel()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
