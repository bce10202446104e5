"""Strict JSON parsing: UTF-8, unique names, no NaN, no lone surrogates, bounded depth; anything else is a 4xx."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any

import pydantic_core
from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.types import Scope

from src.routes.http.broken_bodies import why_not_json
from src.routes.http.strict_query import PlainRoute, QueryChecks

JSON = b"application/json"
#: Larger bodies, which only batches may have, are parsed in a thread: it takes up to 0.1 s.
READ_ON_LOOP_BYTES_MAX = 64 * 1024


class StrictRequest(Request):
    """A request whose JSON is parsed by pydantic-core: at most 200 levels deep, numbers of at most 4,300 digits."""

    async def json(self) -> Any:
        """Parse the body.

        Raises:
            HTTPException: 400, it is not JSON.
        """
        return _parsed(await self.body())


class StrictRoute(PlainRoute):
    """A route that accepts only JSON bodies and parses them strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_strictly(request: Request) -> Response:
            _require_json(request.scope)
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


class OptionalBodyRoute(PlainRoute):
    """A route whose body may be left out; where there is one, it is JSON and parsed strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            strict = StrictRequest(request.scope, request.receive)
            if await strict.body():
                _require_json(request.scope)
            return await handle(strict)

        return handle_strictly


class DirectRoute(PlainRoute):
    """A strict route whose operation takes the parsed body and the request, and builds its response itself.

    FastAPI describes it in the OpenAPI document but does not run it: resolving its (empty) dependencies takes a fifth
    of an accept. Parsing, validation and errors are the same as with `StrictRoute`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        operation: Callable[[Any, Request], Coroutine[Any, Any, Response]] = self.endpoint
        assert self.body_field is not None  # noqa: S101  an operation without a body must not use this class
        model: TypeAdapter[Any] = TypeAdapter(self.body_field.field_info.annotation or Any)
        queries = QueryChecks(self.dependant)

        async def handle(request: Request) -> Response:
            if query := request.scope["query_string"]:
                queries.check(query)
            _require_json(request.scope)
            request = StrictRequest(request.scope, request.receive)
            given = await request.body()
            if not given:
                raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
            if len(given) <= READ_ON_LOOP_BYTES_MAX:
                body = _validated(model, given)
            else:
                body = await asyncio.to_thread(_validated, model, given)
            return await operation(body, request)

        return handle


def _parsed(body: bytes) -> Any:
    """Parse a body.

    Raises:
        HTTPException: 400, it is not JSON.
    """
    try:
        value = pydantic_core.from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise HTTPException(400, why_not_json(body, str(error))) from None
    if _has_duplicate_names(body, value):
        raise HTTPException(400, "An object in the body has a duplicate name, which makes it ambiguous.")
    return value


def _validated(model: TypeAdapter[Any], body: bytes) -> Any:
    """Parse and validate a body.

    Raises:
        HTTPException: 400, it is not JSON.
        RequestValidationError: it is not what the model describes.
    """
    try:
        return model.validate_python(_parsed(body))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found]) from None


def _require_json(scope: Scope) -> None:
    """Reject a body that is not JSON by its headers; those of the response say what is (RFC 9110, 15.5.16).

    Raises:
        HTTPException: 415.
    """
    content_type = coding = b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            content_type = b"%b, %b" % (content_type, value) if content_type else value
        elif name == b"content-encoding":
            coding = b"%b, %b" % (coding, value) if coding else value
    if coding and coding.strip().lower() != b"identity":
        detail = "The body is compressed or otherwise encoded (Content-Encoding); send it unencoded."
        raise HTTPException(415, detail, {"Accept-Encoding": "identity"})
    if content_type != JSON and (problem := _why_not_json_type(content_type.decode("latin-1"))):
        raise HTTPException(415, problem, {"Accept": "application/json"})


def _has_duplicate_names(body: bytes, value: Any) -> bool:
    """Return whether an object has a duplicate member name (RFC 7493, 2.3).

    Args:
        body: valid JSON.
        value: what was parsed of it, where the last of several members of one name is left.
    """
    return _STRING.sub(b"", body).count(b":") != _members_in(value)


def _members_in(value: Any) -> int:
    count = 0
    unread = [value]
    while unread:
        one = unread.pop()
        if isinstance(one, dict):
            count += len(one)
            unread.extend(one.values())
        elif isinstance(one, list):
            unread.extend(one)
    return count


_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')


def _why_not_json_type(content_type: str) -> str | None:
    send = "send the body as JSON, with the header Content-Type: application/json"
    if not content_type:
        return f"The request has no Content-Type; {send}."
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    if message.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        return f"This Content-Type is not supported; {send}."
    charset = message.get_param("charset", "utf-8")
    if not isinstance(charset, str) or charset.lower() not in {"utf-8", "utf8", "us-ascii"}:
        return "The charset in Content-Type is not supported; send JSON in UTF-8 (RFC 8259, section 8.1)."
    return None
