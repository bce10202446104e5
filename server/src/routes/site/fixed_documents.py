"""Documents that stay the same as long as the server runs, with validators and compressed (RFC 9110, 8.8.3 and 13)."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from fastapi import HTTPException, Request, Response

from src.routes.http.codings import accepts_coding
from src.routes.http.preconditions import Validators, Verdict, conditional_headers, judge


class FixedDocument:
    """A document that is made when it is first asked for.

    Args:
        make: makes it; called once, in a thread.
        media_type: of it.
    """

    def __init__(self, make: Callable[[], bytes], media_type: str) -> None:
        self._make = make
        self._media_type = media_type
        self._begun_at = datetime.now(UTC).replace(microsecond=0)
        #: The body and its ETag, by whether it is compressed: one for each coding (RFC 9110, 8.8.3.3).
        self._written: dict[bool, tuple[bytes, Validators]] = {}
        self._turn = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """Answer a GET or HEAD.

        Raises:
            HTTPException: 412, it is not the version that was asked for.
        """
        compressed = accepts_coding(request.scope, "gzip")
        body, validators = await self._read(compressed=compressed)
        headers = {"etag": f'"{validators.etag}"', "cache-control": "no-cache", "vary": "Accept-Encoding"}
        match judge(request.method, conditional_headers(request.scope), validators, datetime.now(UTC)):
            case Verdict.NOT_MODIFIED:
                return Response(status_code=304, headers=headers)
            case Verdict.FAILED:
                raise HTTPException(412, "The document does not match the precondition.")
        if compressed:
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type=self._media_type)

    async def _read(self, *, compressed: bool) -> tuple[bytes, Validators]:
        if compressed not in self._written:
            async with self._turn:
                if compressed not in self._written:
                    self._written[compressed] = await asyncio.to_thread(self._write, compressed=compressed)
        return self._written[compressed]

    def _write(self, *, compressed: bool) -> tuple[bytes, Validators]:
        body = self._make()
        if compressed:
            body = gzip.compress(body, mtime=0)
        return body, Validators(hashlib.sha256(body).hexdigest(), self._begun_at)
