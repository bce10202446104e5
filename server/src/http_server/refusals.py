"""Refusals of requests that never reach the app. Each is sent as a problem, and the connection is closed."""

from http import HTTPStatus
from typing import NamedTuple

import orjson

#: The `Allow` field where no route is involved.
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


class Refusal(NamedTuple):
    """An error response: its status, its detail, and header fields in addition to those common to every refusal."""

    status: HTTPStatus
    detail: str
    fields: tuple[tuple[bytes, bytes], ...] = ()

    def problem(self) -> bytes:
        """Encode the body as a problem (RFC 9457)."""
        title = self.status.phrase
        return orjson.dumps({"type": "about:blank", "title": title, "status": self.status, "detail": self.detail})


class Refused(Exception):
    """Raised in parser callbacks to stop the parser."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def bad_request(detail: str) -> Refused:
    """Build a 400."""
    return Refused(Refusal(HTTPStatus.BAD_REQUEST, detail))


_FIELDS_TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
HEAD_TOO_LARGE = Refusal(_FIELDS_TOO_LARGE, "The request line and header fields are too large.")
TRAILERS_TOO_LARGE = Refusal(_FIELDS_TOO_LARGE, "The trailer fields or the chunk lines are too large.")
FRAMING_IN_TRAILER = Refusal(HTTPStatus.BAD_REQUEST, "The trailer contains a field that is only allowed in the head.")
NOT_HTTP = Refusal(HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")
UNSUPPORTED_VERSION = Refusal(HTTPStatus.BAD_REQUEST, "The supported HTTP versions are 1.0 and 1.1.")
UNKNOWN_METHOD = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This method is not supported.", ((b"allow", METHODS),))
NOT_A_PROXY = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This server is not a proxy.", ((b"allow", METHODS),))
UNSUPPORTED_CODING = Refusal(HTTPStatus.NOT_IMPLEMENTED, "The only supported Transfer-Encoding is chunked.")
BODY_TOO_LARGE = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body continues after its response was sent.")
AFTER_CLOSE = Refusal(HTTPStatus.BAD_REQUEST, "No request may follow one that closes the connection.")
TOO_EARLY = Refusal(HTTPStatus.BAD_REQUEST, "WebSocket frames must not precede the response to the handshake.")
TIMED_OUT = Refusal(HTTPStatus.REQUEST_TIMEOUT, "The request was not completed in time.")
STOPPING = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The server is stopping.", ((b"retry-after", b"5"),))
UNSUPPORTED_WEBSOCKET = Refusal(
    HTTPStatus.UPGRADE_REQUIRED,
    "Sec-WebSocket-Version must be 13, given once.",
    ((b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"), (b"connection", b"upgrade")),
)
