"""What the head of a request has to be, beyond what the parser checks (RFC 9110 and 9112)."""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address

from src.http_server.refusals import NO_PROXY, UNKNOWN_CODING, UNKNOWN_WEBSOCKET, Refused, bad_request

HTTP_VERSIONS = frozenset({"1.0", "1.1"})
#: Fields that say how messages and connections begin and end (RFC 9110, 6.5.1).
NOT_IN_TRAILERS = frozenset({b"connection", b"content-length", b"transfer-encoding", b"upgrade"})
#: A name of 255 bytes, a colon and a port.
AUTHORITY_BYTES_MAX = 255 + 1 + 5
AUTHORITIES_REMEMBERED_MAX = 256
WEBSOCKET_VERSION = b"13"
WEBSOCKET_KEY_BYTES = 16

Fields = Sequence[tuple[bytes, bytes]]

#: RFC 3986, 3.2.2, without the comma: a list of hosts is no host.
_HOST = re.compile(
    rb"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2}){1,255})(?::(?P<port>[0-9]{0,5}))?"
)
_ABSOLUTE = re.compile(rb"https?://(?P<authority>[^/?]*)(?P<path>[^?]*)", re.IGNORECASE)
_UNKNOWN_METHOD = re.compile(rb"(?:\r?\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [!-~]+ HTTP/1\.[01]\r\n")


#: Path, query, and the authority that an absolute target gives and that replaces `Host`.
Target = tuple[bytes, bytes, bytes | None]


def check_host(hosts: Sequence[bytes], http_version: str) -> None:
    """Check that there is one `Host` and that it is one (RFC 9112, 3.2); HTTP/1.0 does without.

    Raises:
        Refused: 400.
    """
    if len(hosts) != 1 and (hosts or http_version != "1.0"):
        problem = "Host is given more than once." if hosts else "Host is missing."
        raise bad_request(problem)
    if hosts and not is_authority(hosts[0]):
        raise bad_request("Host is not a host.")


def is_authority(text: bytes) -> bool:
    """Tell whether it is `host` or `host:port`. No user information: RFC 9110, 4.2.4. Not empty: 4.2.1."""
    return len(text) <= AUTHORITY_BYTES_MAX and _is_authority(text)


@lru_cache(AUTHORITIES_REMEMBERED_MAX)  # a server is called by a few names, with each request
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
    """Check that the body is chunked at most: other transfer codings are not known here (RFC 9112, 6.1).

    Raises:
        Refused: 501; 400 where it is not said how the body ends (6.3), and in HTTP/1.0, which has none.
    """
    if http_version == "1.0":
        raise bad_request("HTTP/1.0 has no Transfer-Encoding.")
    if not codings[-1].lower().endswith(b"chunked"):
        raise bad_request("Where the body ends is not said: the last Transfer-Encoding has to be chunked.")
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        raise Refused(UNKNOWN_CODING)


def read_target(method: str, target: bytes) -> Target:
    """Read a request target in one of the forms of RFC 9112, 3.2.

    Raises:
        Refused: 400; 405 for CONNECT, as this is no proxy.
    """
    if method == "CONNECT":
        raise Refused(NO_PROXY)
    if b"#" in target or not target.isascii():
        raise bad_request("The request target has characters that it may not have.")
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


def is_unknown_method(data: bytes) -> bool:
    """Tell whether bytes that the parser gave up at are a request with a method it does not know."""
    return _UNKNOWN_METHOD.match(data) is not None


def offers_websocket(fields: Fields) -> bool:
    """Tell whether a request offers to go on as a WebSocket, and as nothing else, and has no body."""
    offers = [value.lower() for name, value in fields if name == b"upgrade"]
    return offers == [b"websocket"] and not any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in fields
    )


def check_handshake(fields: Fields) -> None:
    """Check the opening handshake of a WebSocket (RFC 6455, 4.2.1 and 4.2.2).

    Raises:
        Refused: 426 for another version, 400 for anything else.
    """
    versions = [value for name, value in fields if name == b"sec-websocket-version"]
    if versions != [WEBSOCKET_VERSION]:
        raise Refused(UNKNOWN_WEBSOCKET)
    keys = [value for name, value in fields if name == b"sec-websocket-key"]
    if len(keys) != 1 or not _is_key(keys[0]):
        raise bad_request("Sec-WebSocket-Key has to be 16 bytes in Base64, once.")


def _is_key(text: bytes) -> bool:
    try:
        return len(b64decode(text, validate=True)) == WEBSOCKET_KEY_BYTES
    except binascii.Error:
        return False
