"""Which `Range` headers are obeyed (RFC 9110, section 14). Starlette serves them, but refuses in plain text."""

import re
from enum import Enum, auto

from fastapi import Request, Response

from src.routes.problems import instance_of, problem

RANGES_MAX = 100
_RANGE = re.compile(r"(\d{1,18})-(\d{0,18})|-(\d{1,18})", re.ASCII)


class RangeVerdict(Enum):
    """What becomes of a `Range` header."""

    #: There is none, or it can be served.
    SERVED = auto()
    #: It is of another unit or malformed: the whole file is the answer (section 14.2).
    IGNORED = auto()
    #: It is well formed, and nothing of it lies in the file (section 15.5.17).
    UNSATISFIABLE = auto()


def check_range(header: str | None, size_bytes: int) -> RangeVerdict:
    """Judge a `Range` header for a file of a size."""
    if header is None:
        return RangeVerdict.SERVED
    unit, _, ranges = header.partition("=")
    matches = [_RANGE.fullmatch(part.strip()) for part in ranges.split(",")]
    if unit.strip().lower() != "bytes" or len(matches) > RANGES_MAX or not all(matches):
        return RangeVerdict.IGNORED
    bounds = [match.groups() for match in matches if match]
    if any(first and last and int(last) < int(first) for first, last, _ in bounds):
        return RangeVerdict.IGNORED
    inside = [int(suffix) > 0 if suffix else int(first) < size_bytes for first, _, suffix in bounds]
    return RangeVerdict.SERVED if all(inside) else RangeVerdict.UNSATISFIABLE


def range_problem(request: Request, size_bytes: int) -> Response:
    """Answer a range that lies outside."""
    headers = {"content-range": f"bytes */{size_bytes}"}
    detail = f"The report has {size_bytes:,} bytes; the range lies outside."
    return problem(416, "range-not-satisfiable", detail, instance_of(request.scope), headers=headers)
