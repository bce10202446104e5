"""The server under test, given by its base URL."""

from typing import NamedTuple
from urllib.parse import urlsplit


class Target(NamedTuple):
    """The server requests are sent to."""

    scheme: str
    host: str
    port: int
    #: The prefix of every path; empty or `/something`.
    prefix: str

    @property
    def authority(self) -> str:
        """The value of the `Host` header (RFC 9112, 3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self.scheme}://{self.authority}{self.prefix}"


def parse_target(url: str) -> Target:
    """Parse a base URL.

    Raises:
        ValueError: it is invalid; the message is one sentence.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"{url!r} is not a URL") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not url.isascii() or " " in url.strip():
        raise ValueError(f"{url!r} is not a base URL such as http://127.0.0.1:8000")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{url!r} must not have a user, query or fragment")
    return Target(
        parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.path.rstrip("/")
    )
