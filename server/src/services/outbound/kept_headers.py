"""What is kept of an answer's headers, for the callback log."""

from collections.abc import Iterable

#: Names and values together; the rest is left out.
RESPONSE_HEADERS_KEPT_BYTES_MAX = 2 * 1024
CUT = "…"
WITHHELD = "(not kept)"
#: These may be as good as a password to the receiver, and a log is read by more people than its answers are meant for.
_SECRET = frozenset(
    {"authentication-info", "authorization", "proxy-authentication-info", "proxy-authorization"}
    | {"set-cookie", "set-cookie2"}
)
#: The parser is lenient: whatever is no text stays visible as such, and PostgreSQL stores no NUL.
_CONTROLS = dict.fromkeys([*range(32), 127], "\N{REPLACEMENT CHARACTER}")


def kept_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Make text of headers: names in lower case, values of one name joined by a comma (RFC 9110, section 5.3).

    Args:
        headers: as they came, in order; hostile. At most `RESPONSE_HEADERS_KEPT_BYTES_MAX` of them are kept, and a
            value that is cut ends with an ellipsis.
    """
    kept: dict[str, str] = {}
    left = RESPONSE_HEADERS_KEPT_BYTES_MAX
    for name_bytes, value_bytes in headers:
        name = _text(name_bytes[:left]).lower()
        left -= len(name_bytes)
        if left <= 0:
            break
        value = WITHHELD if name in _SECRET else _text(value_bytes[:left]) + (CUT if len(value_bytes) > left else "")
        left -= len(value_bytes)
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def _text(piece: bytes) -> str:
    text = piece.decode("utf-8", "replace")
    return text if text.isprintable() else text.translate(_CONTROLS)
