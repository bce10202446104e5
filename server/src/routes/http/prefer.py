"""What a client would like but does not need: the header `Prefer` (RFC 7240)."""

import re
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#: A member of a list, commas in quoted strings aside.
_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')
_PREFERENCE = re.compile(rf'\s*({_WORD})\s*(?:=\s*(?:({_WORD})|"([^"\\]*)"))?\s*(?:;.*)?', re.DOTALL)
_SECONDS = re.compile(r"[0-9]{1,9}")

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
APPLIED_HEADER: dict[str, Any] = {
    "Preference-Applied": {
        "schema": {"type": "string", "examples": ["wait=10"]},
        "description": "The N that was kept to. Missing when nothing was waited for, also because too many wait.",
    }
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is understood of it.

    Attributes:
        wait_s: seconds that the client would wait for an answer.
    """

    wait_s: int | None = None


def preferences_in(scope: Scope) -> Preferences:
    """Read the header. Of a preference that comes twice the first counts; what cannot be read is ignored."""
    given: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name == b"prefer":
            for member in _MEMBER.findall(value.decode("latin-1")):
                if read := _PREFERENCE.fullmatch(member):
                    given.setdefault(read[1].lower(), read[2] or read[3] or "")
    wait = given.get("wait", "")
    return Preferences(wait_s=int(wait) if _SECONDS.fullmatch(wait) else None)
