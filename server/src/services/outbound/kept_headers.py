"""The part of a response's headers that the callback log keeps."""

from collections.abc import Iterable

#: Bytes of names and values in total; the rest is dropped.
RESPONSE_HEADERS_KEPT_BYTES_MAX = 2 * 1024
CUT = "…"
WITHHELD = "(not kept)"
#: Possible credentials of the receiver; more people read the log than its responses are meant for.
_SECRET = frozenset(
    {"authentication-info", "authorization", "proxy-authentication-info", "proxy-authorization"}
    | {"set-cookie", "set-cookie2"}
)
#: The parser is lenient. Control characters stay visible as replacement characters; PostgreSQL cannot store NUL.
_CONTROLS = dict.fromkeys([*range(32), 127], "\N{REPLACEMENT CHARACTER}")


def kept_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Decode headers to text: names in lower case, values of one name joined by commas (RFC 9110, 5.3).

    Args:
        headers: as received, in order; hostile. At most `RESPONSE_HEADERS_KEPT_BYTES_MAX` are kept, and a truncated
            value ends with an ellipsis.
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
