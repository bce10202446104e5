"""Holding a call while its client is there: whoever leaves frees the place at once."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import Row

from src.routes.http.dependencies import caller_of, parts_of
from src.routes.http.prefer import preferences_in


@dataclass(frozen=True, slots=True)
class Hold:
    """A call that may wait for the end of a request.

    Attributes:
        request: the call.
        wait_s: how long at most; None: not at all.
        headers: what the answer says about it.
    """

    request: Request
    wait_s: int | None
    headers: Mapping[str, str]

    async def until_ended(self, request_id: UUID) -> Row[Any] | None:
        """Wait; None: the request has not ended in time, or is gone, or nothing was to be waited for."""
        if not self.wait_s:
            return None
        ended = asyncio.create_task(parts_of(self.request).completions.ended(request_id, self.wait_s))
        left = asyncio.create_task(self._until_the_client_leaves())
        try:
            await asyncio.wait((ended, left), return_when=asyncio.FIRST_COMPLETED)
            return ended.result() if ended.done() else None
        finally:
            ended.cancel()
            left.cancel()
            await asyncio.gather(ended, left, return_exceptions=True)

    async def _until_the_client_leaves(self) -> None:
        while (await self.request.receive())["type"] != "http.disconnect":
            pass


@contextmanager
def held(request: Request, *applied: str) -> Iterator[Hold]:
    """Hold a call as long as it prefers and may, with a place among those that wait.

    Args:
        request: the call.
        applied: other preferences that are kept to.
    """
    wait_s = preferences_in(request.scope).wait_s
    if wait_s is None:
        yield Hold(request, None, _headers(*applied))
        return
    parts = parts_of(request)
    with parts.completions.place(caller_of(request).name) as has_place:
        kept_s = min(wait_s, parts.wait_max_s) if has_place else None
        yield Hold(request, kept_s, _headers(*applied, *(() if kept_s is None else (f"wait={kept_s}",))))


def _headers(*applied: str) -> Mapping[str, str]:
    return {"preference-applied": ", ".join(applied)} if applied else {}
