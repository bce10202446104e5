"""What operations ask for: the parts, the caller, the idempotency key, an id from the path."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Path, Request

from src.errors import NotFound
from src.services.identity.caller import Caller
from src.services.parts import Parts

KEY_LENGTH_MAX = 255
_KEY = re.compile(rb"[\x21-\x7e]{1,%d}" % KEY_LENGTH_MAX)
STANDARD_KEY_HEADER = b"idempotency-key"
_KEY_HEADERS = {b"x-idempotency-key", STANDARD_KEY_HEADER}
_QUOTED = re.compile(rb'"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"')
_ESCAPED = re.compile(rb'\\(["\\])')
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

#: The header of `idempotency_key_of`, for the OpenAPI document.
KEY_HEADER: dict[str, Any] = {
    "parameters": [
        {
            "name": "X-Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX, "pattern": "^[!-~]+$"},
            "description": "The same key with the same body does the work once. "
            'The standard name `Idempotency-Key` is accepted as well, there also quoted: `"abc"` is the key `abc`.',
        }
    ]
}

# Submitting takes these from the request by itself: FastAPI's way to hand over three dependencies costs a fifth of
# what an accept costs in all. The dependencies below are coroutines although they await nothing, because FastAPI
# would run a plain function in a thread, which costs more than everything else.


def parts_of(request: Request) -> Parts:
    """Hand over the parts that the application was built from."""
    parts: Parts = request.app.state.parts
    return parts


def caller_of(request: Request) -> Caller:
    """Tell who is calling."""
    caller: Caller = request.scope["caller"]
    return caller


def idempotency_key_of(request: Request) -> str | None:
    """Read the idempotency key, whichever of its two names it comes under.

    Blanks around it do not count (RFC 9110, section 5.5). `Idempotency-Key` may be a string of structured fields, as
    the draft of this header says: `"abc"` is the key `abc` (RFC 8941, section 3.3.3).

    Raises:
        HTTPException: 400, it is malformed or given more than once.
    """
    given = [(name, value) for name, value in request.scope["headers"] if name in _KEY_HEADERS]
    if not given:
        return None
    if len(given) > 1:
        raise HTTPException(400, "Give the idempotency key once, as Idempotency-Key or as X-Idempotency-Key.")
    [(name, value)] = given
    value = value.strip(b" \t")
    if name == STANDARD_KEY_HEADER and value.startswith(b'"'):
        value = _unquoted(value)
    if not _KEY.fullmatch(value):
        raise HTTPException(400, "An idempotency key has 1 to 255 visible ASCII characters, and no spaces.")
    key: str = value.decode("ascii")
    return key


def _unquoted(string: bytes) -> bytes:
    """Read a string of structured fields; what is malformed has no key in it."""
    return _ESCAPED.sub(rb"\1", string[1:-1]) if _QUOTED.fullmatch(string) else b""


async def get_parts(request: Request) -> Parts:
    """Hand over the parts, as a dependency."""
    return parts_of(request)


async def get_request_id(request_id: Annotated[str, Path(description="The id of a request.")]) -> UUID:
    """Read an id from the path.

    Raises:
        NotFound: it is no id, so there is nothing with it.
    """
    return parse_request_id(request_id)


def parse_request_id(request_id: str) -> UUID:
    """Read an id.

    Raises:
        NotFound: it is none.
    """
    found = request_id_in(request_id)
    if found is None:
        raise NotFound("There is no request with this id.")
    return found


def request_id_in(text: str) -> UUID | None:
    """Read an id; None when it is none."""
    return UUID(text) if _UUID.fullmatch(text) else None


PartsDependency = Annotated[Parts, Depends(get_parts)]
RequestIdDependency = Annotated[UUID, Depends(get_request_id)]
