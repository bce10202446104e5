"""What a client would like but does not need: the header `Prefer` (RFC 7240)."""

import re
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

# Possessive throughout: whatever is sent is looked at once.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_OWS = r"[ \t]*+"
#: A member of a list, commas in quoted strings aside; one that is not closed goes to the end.
_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.?)*+(?:"|\Z))++', re.DOTALL)
_PREFERENCE = re.compile(rf'{_OWS}({_WORD}){_OWS}(?:={_OWS}(?:({_WORD})|"([^"\\]*+)")?{_OWS})?(?:;.*+)?', re.DOTALL)
#: Nine digits tell enough of any number: nobody waits so long.
_SECONDS = re.compile(r"0*([0-9]{1,9})[0-9]*")

#: The header, for the OpenAPI document.
PREFER_HEADER: dict[str, Any] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "example": "wait=10",
    "description": "`wait=N` (RFC 7240): answer when the report has ended, or after N seconds, whichever comes first; "
    "at most `PREFER_WAIT_MAX_SECONDS`. What cannot be read is ignored.",
}
#: Where the answer could also be the report itself.
RESPOND_ASYNC_HEADER: dict[str, Any] = {
    **PREFER_HEADER,
    "example": "respond-async, wait=10",
    "description": "`respond-async` (RFC 7240): accept the report as `POST /api/async` does, without a callback; with "
    "`wait=N` wait up to N seconds for it, at most `PREFER_WAIT_MAX_SECONDS`. `wait` alone changes nothing, and what "
    "cannot be read is ignored.",
}
APPLIED_HEADER: dict[str, Any] = {
    "Preference-Applied": {
        "schema": {"type": "string", "examples": ["wait=10"]},
        "description": "What was kept to, with the N of `wait`, which is missing when too many wait already.",
    }
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is understood of it.

    Attributes:
        wait_s: seconds that the client would wait for an answer.
        respond_async: the client would not wait for the report itself.
    """

    wait_s: int | None = None
    respond_async: bool = False


def preferences_in(scope: Scope) -> Preferences:
    """Read the header. Of a preference that comes twice the first counts; what cannot be read is ignored."""
    given: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name == b"prefer":
            for member in _MEMBER.findall(value.decode("latin-1")):
                if read := _PREFERENCE.fullmatch(member):
                    given.setdefault(read[1].lower(), read[2] or read[3] or "")
    seconds = _SECONDS.fullmatch(given.get("wait", ""))
    return Preferences(
        wait_s=int(seconds[1]) if seconds else None,
        respond_async=given.get("respond-async") == "",  # with a value it would be another preference
    )
