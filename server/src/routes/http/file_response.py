"""Bytes of an open file as an answer: read in threads, from the descriptor, whatever becomes of its name."""

import asyncio
import os
from collections.abc import Mapping
from io import FileIO

from fastapi import Response
from starlette.types import Message, Receive, Scope, Send

from src.routes.http.ranges import Part

#: Read, and kept in memory for each download, at once.
CHUNK_BYTES = 256 * 1024


class OpenFileResponse(Response):
    """Sends a part of a file, and closes it.

    Args:
        file: open for reading, with at least the bytes of the part; closed when the answer has ended.
        part: which bytes.
        status: 200, or 206 for less than the whole.
        headers: without `Content-Length`.
        media_type: of the whole.
    """

    def __init__(self, file: FileIO, part: Part, status: int, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(None, status, {**headers, "content-length": str(part.length)}, media_type)
        self._file = file
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
            self._file.close()

    async def _send_bytes(self, receive: Receive, send: Send) -> None:
        at, end = self._part.first, self._part.first + self._part.length
        leaving: asyncio.Task[None] | None = None
        try:
            while at < end:
                chunk = await asyncio.to_thread(os.pread, self._file.fileno(), min(CHUNK_BYTES, end - at), at)
                if not chunk:
                    raise OSError("a report's file has been cut off from outside")  # the client sees a short answer
                at += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": at < end})
                if at < end and leaving is None:
                    leaving = asyncio.create_task(_until_it_leaves(receive))
                if leaving is not None and leaving.done():
                    return  # nobody reads what would still come
        finally:
            if leaving is not None:
                leaving.cancel()


async def _until_it_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
