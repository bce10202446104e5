"""Explanations why a body is not JSON in UTF-8, which never repeat any of the body."""

import re

_WHERE = re.compile(r"(.*) at line (\d+) column (\d+)", re.DOTALL)
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
#: Byte order marks. The order matters: that of UTF-32 starts with that of UTF-16.
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_IN_UTF_8 = "send it in UTF-8 (RFC 8259, section 8.1)"


def why_not_json(body: bytes, reason: str) -> str:
    """Explain why a body is not JSON.

    Args:
        body: the body that could not be parsed.
        reason: the parser's message with its position; one of a fixed set of texts.
    """
    return _why_not_text(body) or _why_not_grammar(reason)


def _why_not_text(body: bytes) -> str | None:
    if body.startswith(b"\xef\xbb\xbf"):
        return "The body begins with a byte order mark; send JSON without one (RFC 8259, section 8.1)."
    if encoding := _other_encoding(body):
        return f"The body is in {encoding}; {_IN_UTF_8}."
    if body.startswith((_GZIP, _ZIP)):
        return "The body looks compressed; send it uncompressed."
    try:
        is_blank = not body.decode().strip(" \t\r\n")
    except UnicodeDecodeError as error:
        return f"The body is not UTF-8: invalid byte at offset {error.start}; {_IN_UTF_8}."
    return "The body contains only whitespace; send a JSON object." if is_blank else None


def _why_not_grammar(reason: str) -> str:
    if not (found := _WHERE.fullmatch(reason)):
        return "The body is not valid JSON."
    what, line, column = found.groups()
    if what.startswith("EOF"):
        what = "unexpected end of input"
    return f"The body is not valid JSON: {what} at line {line}, column {column}."


def _other_encoding(body: bytes) -> str | None:
    """Detect UTF-16 and UTF-32 by their byte order marks, or by NULs between ASCII characters (RFC 4627, 3)."""
    marked = next((encoding for mark, encoding in _MARKS if body.startswith(mark)), None)
    if marked or len(body) < 4:
        return marked
    nuls = tuple(byte == 0 for byte in body[:4])
    if nuls in {(True, True, True, False), (False, True, True, True)}:
        return "UTF-32"
    return "UTF-16" if nuls in {(True, False, True, False), (False, True, False, True)} else None
