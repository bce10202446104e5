"""Parsing of `Range` headers (RFC 9110, section 14).

Multiple ranges are ignored, as section 14.2 allows: a client that wants two parts sends two requests, and none can
request a thousand overlapping ones.
"""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"(\d+)-(\d*)|-(\d+)", re.ASCII)
#: More digits than the size of any file; Python refuses to convert thousands of digits.
_DIGITS_MAX = 18


class Unsatisfiable(Exception):
    """A well-formed range that does not overlap the file (section 15.5.17)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file: `length` bytes from offset `first`."""

    first: int
    length: int

    def content_range(self, size_bytes: int) -> str:
        """Format the part as a `Content-Range` value (section 14.4)."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size_bytes}"


def part_asked_for(header: str | None, size_bytes: int) -> Part | None:
    """Parse a `Range` header for a file of `size_bytes`.

    Returns:
        None if the whole file is to be sent: there is no range, it is malformed, has another unit, or there are
        several (section 14.2).

    Raises:
        Unsatisfiable: the range is outside the file.
    """
    unit, _, ranges = (header or "").partition("=")
    asked = [text for piece in ranges.split(",") if (text := piece.strip(" \t"))]
    match = _RANGE.fullmatch(asked[0]) if unit.lower() == "bytes" and len(asked) == 1 else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix:
        length = min(_number(suffix), size_bytes)
        return _inside(size_bytes - length, length, size_bytes)
    end = min(_number(last), size_bytes - 1) if last else size_bytes - 1
    if last and _number(last) < _number(first):
        return None
    return _inside(_number(first), end - _number(first) + 1, size_bytes)


def _inside(first: int, length: int, size_bytes: int) -> Part:
    if length <= 0 or first >= size_bytes:
        raise Unsatisfiable
    return Part(first, length)


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _DIGITS_MAX else 10**_DIGITS_MAX
