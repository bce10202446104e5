"""What a request is refused with before it gets to the app. Each is answered as a problem; then we close."""

from http import HTTPStatus
from typing import NamedTuple

import orjson

#: What is told of methods where no route is asked.
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


class Refusal(NamedTuple):
    """An answer: its status, a sentence, and header fields beside those that every refusal has."""

    status: HTTPStatus
    detail: str
    fields: tuple[tuple[bytes, bytes], ...] = ()

    def problem(self) -> bytes:
        """Write it as a problem (RFC 9457)."""
        title = self.status.phrase
        return orjson.dumps({"type": "about:blank", "title": title, "status": self.status, "detail": self.detail})


class Refused(Exception):
    """Raised within the parser, which stops at it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def bad_request(detail: str) -> Refused:
    """Refuse with 400."""
    return Refused(Refusal(HTTPStatus.BAD_REQUEST, detail))


_FIELDS_TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
TOO_LARGE = Refusal(_FIELDS_TOO_LARGE, "The head of the request is too large.")
TRAILERS = Refusal(_FIELDS_TOO_LARGE, "The trailer fields or the chunk lines are too large.")
FRAMING_IN_TRAILER = Refusal(HTTPStatus.BAD_REQUEST, "The trailer has a field that belongs into the head.")
NO_HTTP = Refusal(HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")
UNKNOWN_VERSION = Refusal(HTTPStatus.BAD_REQUEST, "HTTP is spoken here as 1.0 and 1.1.")
UNKNOWN_METHOD = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Nothing here knows this method.", ((b"allow", METHODS),))
NO_PROXY = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This is no proxy.", ((b"allow", METHODS),))
UNKNOWN_CODING = Refusal(HTTPStatus.NOT_IMPLEMENTED, "The only Transfer-Encoding known here is chunked.")
BODY_TOO_LARGE = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body goes on although it was answered.")
NOTHING_AFTER = Refusal(HTTPStatus.BAD_REQUEST, "Nothing follows a request that ends the connection.")
TOO_EARLY = Refusal(HTTPStatus.BAD_REQUEST, "A WebSocket's frames come after the answer to its handshake.")
TOO_LATE = Refusal(HTTPStatus.REQUEST_TIMEOUT, "The request did not end in time.")
STOPPING = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "The server is stopping.", ((b"retry-after", b"5"),))
UNKNOWN_WEBSOCKET = Refusal(
    HTTPStatus.UPGRADE_REQUIRED,
    "Sec-WebSocket-Version has to be 13, once.",
    ((b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"), (b"connection", b"upgrade")),
)
