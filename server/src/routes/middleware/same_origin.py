"""Protection against cross-site requests and DNS rebinding, checked before anything else.

Both checks rely on headers set by the browser, which a hostile page cannot forge:

* `Host` (RFC 9110, 7.2) must be a name of this server. After DNS rebinding a hostile website is same-origin with us,
  but `Host` still has its own name.
* `Origin` (RFC 6454, 7) of requests with unsafe methods must be ours or an allowed one. A page can send a POST without
  a preflight and open a WebSocket; where `Origin` is missing, `Sec-Fetch-Site` serves the same purpose.

Programs other than browsers send neither `Origin` nor `Sec-Fetch-Site`, and pass.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from src.routes.http.problems import instance_of, problem
from src.routes.http.refusing import refuse

#: Bytes: a name of 253 with a trailing dot, and a port.
HOST_BYTES_MAX = 260
HOSTS_REMEMBERED_MAX = 1_024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCALHOST = "localhost"
#: By scheme: the prefix of an origin, and the default port, which an origin omits.
_SCHEMES = {
    "http": ("http://", ":80"),
    "ws": ("http://", ":80"),
    "https": ("https://", ":443"),
    "wss": ("https://", ":443"),
}
# A port may be empty (RFC 3986, 3.2.3).
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?P<port>:[0-9]{0,5})?", re.ASCII)

_NOT_OUR_NAME = (
    "The name in the Host header is not a name of this server. If it should be, add it to ALLOWED_HOSTS or set "
    "PUBLIC_BASE_URL."
)
_HOST_ONCE = "The Host header must be given exactly once."
_FOREIGN = (
    "Pages of this origin may not send this request. To allow it, add the origin to CORS_ALLOWED_ORIGINS; the page of "
    "this server has the origin of PUBLIC_BASE_URL."
)


class HostNames:
    """The host names of this server: any IP address, `localhost`, and the configured ones.

    Args:
        names: in lower case; `.example.com` matches `example.com` and its subdomains.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset({LOCALHOST, *(name.removeprefix(".") for name in names)})
        self._suffixes = tuple(name for name in names if name.startswith("."))
        #: Bounded. Most calls have the same host, so an accept parses nothing.
        self.own_origin = lru_cache(HOSTS_REMEMBERED_MAX)(self._own_origin)

    def _own_origin(self, host: bytes, scheme: str) -> bytes | None:
        """Return the origin of a page loaded from this host, or None if the host is not ours."""
        match = _HOST.fullmatch(host.decode("latin-1"))
        if match is None or not self._is_ours(match["v6"], match["name"]):
            return None
        prefix, default_port = _SCHEMES[scheme]
        authority = match[0].lower()
        return (prefix + authority.removesuffix(default_port).removesuffix(":")).encode("ascii")

    def _is_ours(self, v6: str | None, name: str | None) -> bool:
        if v6 is not None:
            return _is_address(IPv6Address, v6)
        assert name is not None  # noqa: S101  the pattern has one or the other
        name = name.lower()
        if _is_address(IPv4Address, name):
            return True
        name = name.removesuffix(".")  # a fully qualified name is the same name (RFC 1034, 3.1)
        return name in self._names or name.endswith(self._suffixes)


class SameOriginMiddleware:
    """Rejects a foreign `Host` with 421 and an unsafe request of a foreign origin with 403.

    Args:
        app: the wrapped app.
        names: this server's host names, in lower case; IP addresses are always accepted.
        origins: additional origins whose pages may use the API, as browsers send them.
    """

    def __init__(self, app: ASGIApp, *, names: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._names = HostNames(names)
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, refusal)

    def _refusal(self, scope: Scope) -> Response | None:
        hosts, origins, is_cross_site = [], [], False
        for name, value in scope["headers"]:
            if name == b"host":
                hosts.append(value)
            elif name == b"origin":
                origins.append(value)
            elif name == b"sec-fetch-site" and value == b"cross-site":
                is_cross_site = True
        own: bytes | None = None
        if len(hosts) == 1:
            own = self._own_origin(hosts[0], scope)
            if own is None:
                return problem(421, "misdirected-request", _NOT_OUR_NAME, instance_of(scope))
        elif hosts or scope.get("http_version") != "1.0":  # optional in HTTP/1.0 (RFC 9112, 3.2), which no browser uses
            return problem(400, "malformed-request", _HOST_ONCE, instance_of(scope))
        if scope.get("method") in SAFE_METHODS:
            return None
        is_foreign = any(origin != own and origin not in self._origins for origin in origins)
        if is_foreign or len(origins) > 1 or (is_cross_site and not origins):
            return problem(403, "cross-origin", _FOREIGN, instance_of(scope))
        return None

    def _own_origin(self, host: bytes, scope: Scope) -> bytes | None:
        return self._names.own_origin(host, scope.get("scheme", "http")) if len(host) <= HOST_BYTES_MAX else None


def _is_address(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
