"""Validation of a request's head beyond what the parser checks (RFC 9110 and 9112)."""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from src.http_server.refusals import NOT_A_PROXY, UNSUPPORTED_CODING, UNSUPPORTED_WEBSOCKET, Refused, bad_request

HTTP_VERSIONS = frozenset({"1.0", "1.1"})
#: Fields that control message framing and connections (RFC 9110, 6.5.1).
NOT_IN_TRAILERS = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
#: Bytes: a name of 255, a colon and a port.
AUTHORITY_BYTES_MAX = 255 + 1 + 5
AUTHORITIES_REMEMBERED_MAX = 256
WEBSOCKET_VERSION = b"13"
WEBSOCKET_KEY_BYTES = 16

Fields = Sequence[tuple[bytes, bytes]]

#: RFC 3986, 3.2.2, without the comma: a list of hosts is not a host.
_HOST = re.compile(
    rb"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2}){1,255})(?::(?P<port>[0-9]{0,5}))?"
)
_ABSOLUTE = re.compile(rb"https?://(?P<authority>[^/?]*)(?P<path>[^?]*)", re.IGNORECASE)
_UNKNOWN_METHOD = re.compile(rb"(?:\r?\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [!-~]+ HTTP/1\.[01]\r\n")


#: Path, query, and the authority of an absolute target, which overrides `Host`.
Target = tuple[bytes, bytes, bytes | None]


def check_host(hosts: Sequence[bytes], http_version: str) -> None:
    """Check that there is exactly one valid `Host` (RFC 9112, 3.2). It is optional in HTTP/1.0.

    Raises:
        Refused: 400.
    """
    if len(hosts) != 1 and (hosts or http_version != "1.0"):
        problem = "The Host field occurs more than once." if hosts else "The Host field is missing."
        raise bad_request(problem)
    if hosts and not is_authority(hosts[0]):
        raise bad_request("The Host field is not a valid host.")


def is_authority(text: bytes) -> bool:
    """Return whether text is `host` or `host:port`, without user information (RFC 9110, 4.2.4), not empty (4.2.1)."""
    return len(text) <= AUTHORITY_BYTES_MAX and _is_authority(text)


@lru_cache(AUTHORITIES_REMEMBERED_MAX)  # every request names the server, and a server has few names
def _is_authority(text: bytes) -> bool:
    found = _HOST.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65_535:
        return False
    return found["v6"] is None or _is_ipv6(found["v6"])


def _is_ipv6(text: bytes) -> bool:
    try:
        IPv6Address(text.decode("ascii"))
    except ValueError:
        return False
    return True


def check_codings(codings: Sequence[bytes], http_version: str) -> None:
    """Check that `chunked` is the only transfer coding; others are not supported (RFC 9112, 6.1).

    Raises:
        Refused: 501 for other codings; 400 if the length of the body cannot be determined (6.3), and in HTTP/1.0,
            which has no transfer codings.
    """
    if http_version == "1.0":
        raise bad_request("HTTP/1.0 has no Transfer-Encoding.")
    if not codings[-1].lower().endswith(b"chunked"):
        raise bad_request("The length of the body is unknown: the last Transfer-Encoding must be chunked.")
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        raise Refused(UNSUPPORTED_CODING)


def parse_target(method: str, target: bytes) -> Target:
    """Parse a request target in one of the forms of RFC 9112, 3.2.

    Raises:
        Refused: 400; 405 for CONNECT, as this is not a proxy.
    """
    if method == "CONNECT":
        raise Refused(NOT_A_PROXY)
    if b"#" in target or not target.isascii():
        raise bad_request("The request target contains characters that are not allowed.")
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return (path, query, None)
    if target == b"*" and method == "OPTIONS":
        return (b"*", b"", None)
    found = _ABSOLUTE.match(target)
    if found is None or not is_authority(found["authority"]):
        raise bad_request("The request target is neither a path nor an http URL.")
    query = target[found.end() :].removeprefix(b"?")
    path = found["path"] or (b"*" if method == "OPTIONS" and not query else b"/")
    return (path, query, found["authority"])


def has_unknown_method(data: bytes) -> bool:
    """Return whether data the parser rejected is a well-formed request line with a method unknown to it."""
    return _UNKNOWN_METHOD.match(data) is not None


def head_without_upgrade(scope: Mapping[str, Any], target: bytes, fields: Fields) -> bytes:
    """Write a parsed head again, without the `Upgrade` field."""
    version = f" HTTP/{scope['http_version']}\r\n".encode("ascii")
    lines = [b"%b: %b\r\n" % field for field in fields if field[0] != b"upgrade"]
    return b"".join([scope["method"].encode("ascii"), b" ", target, version, *lines, b"\r\n"])


def is_websocket_upgrade(fields: Fields) -> bool:
    """Return whether a request offers an upgrade to WebSocket alone and has no body."""
    protocols = [value.lower() for name, value in fields if name == b"upgrade"]
    return protocols == [b"websocket"] and not any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in fields
    )


def check_handshake(fields: Fields) -> None:
    """Check a WebSocket's opening handshake (RFC 6455, 4.2.1 and 4.2.2).

    Raises:
        Refused: 426 for an unsupported version, 400 for anything else.
    """
    versions = [value for name, value in fields if name == b"sec-websocket-version"]
    if versions != [WEBSOCKET_VERSION]:
        raise Refused(UNSUPPORTED_WEBSOCKET)
    keys = [value for name, value in fields if name == b"sec-websocket-key"]
    if len(keys) != 1 or not _is_key(keys[0]):
        raise bad_request("Sec-WebSocket-Key must be 16 bytes in Base64, given once.")


def _is_key(text: bytes) -> bool:
    try:
        return len(b64decode(text, validate=True)) == WEBSOCKET_KEY_BYTES
    except binascii.Error:
        return False
