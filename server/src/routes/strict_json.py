"""Reading JSON strictly: UTF-8 only, no NaN, no lone surrogates, bounded depth; anything else is a 4xx."""

from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any

import pydantic_core
from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute


class StrictRequest(Request):
    """A request whose JSON is read by pydantic-core: at most 200 levels deep, numbers of at most 4,300 digits."""

    async def json(self) -> Any:
        """Parse the body.

        Raises:
            HTTPException: 400, it is not JSON.
        """
        body = await self.body()
        try:
            return pydantic_core.from_json(body, allow_inf_nan=False)
        except ValueError:
            raise HTTPException(400, "The body is not valid JSON in UTF-8.") from None


class StrictRoute(APIRoute):
    """A route that takes JSON bodies only, and reads them strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_strictly(request: Request) -> Response:
            if not _is_json(request.headers.get("content-type", "")):
                raise HTTPException(415, "Send the body as JSON, with the header Content-Type: application/json.")
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


def _is_json(content_type: str) -> bool:
    if content_type == "application/json":
        return True
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))
