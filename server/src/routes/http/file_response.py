"""Bytes of a stored report as an answer, read in threads."""

import asyncio
from collections.abc import Mapping

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

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
        """Send the head, and for a GET the bytes."""
        try:
            start: Message = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            await send(start)
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await self._send_bytes(receive, send)
        finally:
            # After a read that was cancelled one may still go on in its thread; nobody looks at what it read.
            self._report.close()

    async def _send_bytes(self, receive: Receive, send: Send) -> None:
        left = self._part.length
        chunks = self._report.chunks(self._part.first, left)
        leaving: asyncio.Task[None] | None = None
        try:
            while left:  # an error ends the answer before its length: the client sees that it is short
                chunk = await asyncio.to_thread(next, chunks)
                left -= len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})
                if left and leaving is None:
                    leaving = asyncio.create_task(_until_it_leaves(receive))
                if leaving is not None and leaving.done():
                    return  # nobody reads what would still come
        finally:
            if leaving is not None:
                leaving.cancel()


async def _until_it_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
