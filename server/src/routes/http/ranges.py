"""Which part of a file a `Range` header asks for (RFC 9110, section 14).

Of several ranges none is obeyed, which section 14.2 allows: whoever wants two parts asks twice, and nobody can ask for
a thousand overlapping ones.
"""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"(\d+)-(\d*)|-(\d+)", re.ASCII)
#: More digits than any file's size has; Python refuses to read thousands of them.
_DIGITS_MAX = 18


class Unsatisfiable(Exception):
    """A range that is well formed, and nothing of it lies in the file (section 15.5.17)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file, from `first`, `length` of them."""

    first: int
    length: int

    def content_range(self, size_bytes: int) -> str:
        """Name it as `Content-Range` does (section 14.4)."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size_bytes}"


def part_asked_for(header: str | None, size_bytes: int) -> Part | None:
    """Read a `Range` header for a file of a size.

    Returns:
        None when the whole file is the answer: there is no range, it is malformed, of another unit, or several
        (section 14.2).

    Raises:
        Unsatisfiable: it lies outside.
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
