"""Dependencies of the operations: the parts, the caller, the idempotency key, an id from the path."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, HTTPException, Path, Query, Request

from src.errors import NotFound
from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.services.identity.caller import Caller, Owner, View
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
            "description": "Submissions with the same key and the same body are processed once. "
            'The standard name `Idempotency-Key` is accepted as well, and may be quoted: `"abc"` is the key `abc`.',
        }
    ]
}

#: The filter of lists by account.
AccountFilter = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=ACCOUNT_LENGTH_MAX,
        pattern="^[!-~]+$",
        description="Only of this account; without `admin` nothing is found of another than your own.",
    ),
]

# Submissions call these functions directly: resolving three dependencies with FastAPI takes a fifth of an accept. The
# dependencies below are coroutines although they await nothing, because FastAPI would run a plain function in a
# thread, which costs more than everything else.


def parts_of(request: Request) -> Parts:
    """Return the parts the application was built from."""
    parts: Parts = request.app.state.parts
    return parts


def caller_of(request: Request) -> Caller:
    """Return the caller."""
    caller: Caller = request.scope["caller"]
    return caller


def idempotency_key_of(request: Request) -> str | None:
    """Return the idempotency key from either of its two headers.

    Surrounding whitespace is ignored (RFC 9110, 5.5). `Idempotency-Key` may be a structured-field string, as the draft
    of this header specifies: `"abc"` is the key `abc` (RFC 8941, 3.3.3).

    Raises:
        HTTPException: 400, the key is malformed or given more than once.
    """
    given = [(name, value) for name, value in request.scope["headers"] if name in _KEY_HEADERS]
    if not given:
        return None
    if len(given) > 1:
        raise HTTPException(400, "Send the idempotency key once, as Idempotency-Key or as X-Idempotency-Key.")
    [(name, value)] = given
    value = value.strip(b" \t")
    if name == STANDARD_KEY_HEADER and value.startswith(b'"'):
        value = _unquoted(value)
    if not _KEY.fullmatch(value):
        raise HTTPException(400, "An idempotency key must have 1 to 255 visible ASCII characters and no spaces.")
    key: str = value.decode("ascii")
    return key


def _unquoted(string: bytes) -> bytes:
    """Parse a structured-field string; a malformed one yields an empty key."""
    return _ESCAPED.sub(rb"\1", string[1:-1]) if _QUOTED.fullmatch(string) else b""


async def get_parts(request: Request) -> Parts:
    """Return the parts, as a dependency."""
    return parts_of(request)


async def get_request_id(request_id: Annotated[str, Path(description="The id of a request.")]) -> UUID:
    """Parse the id in the path.

    Raises:
        NotFound: it is not an id, so no request has it.
    """
    return parse_request_id(request_id)


def parse_request_id(request_id: str) -> UUID:
    """Parse an id.

    Raises:
        NotFound: the text is not an id.
    """
    found = request_id_in(request_id)
    if found is None:
        raise NotFound("There is no request with this id.")
    return found


def request_id_in(text: str) -> UUID | None:
    """Parse an id; None if the text is not an id."""
    return UUID(text) if _UUID.fullmatch(text) else None


async def get_view(request: Request) -> View:
    """Return whose requests the caller sees."""
    return caller_of(request).view


async def get_listed_view(request: Request, account: AccountFilter = None) -> View:
    """Return whose things a list shows: with `account` those of one account alone."""
    view = caller_of(request).view
    return view if account is None else view.of(account)


async def get_caller(request: Request) -> Caller:
    """Return the caller, as a dependency."""
    return caller_of(request)


async def get_owner(request: Request) -> Owner:
    """Return the owner of what the caller makes."""
    return caller_of(request).owner


CallerDependency = Annotated[Caller, Depends(get_caller)]
OwnerDependency = Annotated[Owner, Depends(get_owner)]
ViewDependency = Annotated[View, Depends(get_view)]
ListedViewDependency = Annotated[View, Depends(get_listed_view)]
PartsDependency = Annotated[Parts, Depends(get_parts)]
RequestIdDependency = Annotated[UUID, Depends(get_request_id)]
