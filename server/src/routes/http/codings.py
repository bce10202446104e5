"""Content codings that a client accepts (RFC 9110, section 12.5.3)."""

import re

from starlette.datastructures import Headers
from starlette.types import Scope

_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE | re.ASCII)


def accepts_coding(scope: Scope, coding: str) -> bool:
    """Whether `Accept-Encoding` names a coding, or `*`, with a weight above 0; no: where it is missing or broken."""
    wanted: dict[str, bool] = {}
    for field in Headers(scope=scope).getlist("accept-encoding"):
        for entry in field.split(","):
            name, _, parameters = entry.partition(";")
            weight = _WEIGHT.fullmatch(parameters.strip())
            good = float(weight[1]) > 0 if weight else not parameters.strip()
            wanted[name.strip().lower()] = good
    return wanted.get(coding, wanted.get("*", False))
