"""Whom a browser acts for: what another website makes it send is refused, before anything else is looked at.

Neither check asks the page, which may be hostile; both ask the browser, which is not:

* `Host` (RFC 9110, section 7.2) has to be a name of this server. A website whose own name suddenly leads here (DNS
  rebinding) has the same origin as we, but its name still stands in `Host`.
* `Origin` (RFC 6454, section 7) of whatever may change something has to be ours, or one that is let in. A page
  may send a POST without a preflight, and open a WebSocket; without `Origin`, `Sec-Fetch-Site` tells as much.

Programs that are no browsers send neither `Origin` nor `Sec-Fetch-Site`, and pass.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from src.routes.http.problems import instance_of, problem

#: A name of 253 characters with a dot at its end, and a port.
HOST_BYTES_MAX = 260
HOSTS_REMEMBERED_MAX = 1_024
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOCALHOST = "localhost"
#: What stands before a host in an origin, and what a host does not say because the scheme does.
_SCHEMES = {
    "http": ("http://", ":80"),
    "ws": ("http://", ":80"),
    "https": ("https://", ":443"),
    "wss": ("https://", ":443"),
}
# A port may be left empty (RFC 3986, section 3.2.3).
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?P<port>:[0-9]{0,5})?", re.ASCII)

_NOT_OUR_NAME = (
    "This server does not answer to the name in Host. If that is one of its names, add it to ALLOWED_HOSTS, or set "
    "PUBLIC_BASE_URL."
)
_HOST_ONCE = "Host has to be given exactly once."
_FOREIGN = (
    "Pages of this origin may not send this request. If one of them should, name its origin in CORS_ALLOWED_ORIGINS; "
    "the page of this server has the origin of PUBLIC_BASE_URL."
)


class HostNames:
    """The names this server answers to: every address, `localhost`, and those that are given.

    Args:
        names: in lower case; `.example.com` stands for `example.com` and every name below it.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset({LOCALHOST, *(name.removeprefix(".") for name in names)})
        self._suffixes = tuple(name for name in names if name.startswith("."))
        #: Bounded, and most calls name the same host: nothing is parsed on the way of an accept.
        self.own_origin = lru_cache(HOSTS_REMEMBERED_MAX)(self._own_origin)

    def _own_origin(self, host: bytes, scheme: str) -> bytes | None:
        """Tell which origin a page has that was loaded from a `Host`; None: that is not us."""
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
        name = name.removesuffix(".")  # the same name, written in full (RFC 1034, section 3.1)
        return name in self._names or name.endswith(self._suffixes)


class SameOriginMiddleware:
    """Answers 421 to a foreign `Host`, and 403 to what a foreign origin may not send.

    Args:
        app: what comes after.
        names: this server's names beside its addresses, in lower case.
        origins: whose pages may use the API beside those that this server serves, as browsers send them.
    """

    def __init__(self, app: ASGIApp, *, names: Collection[str], origins: Collection[str]) -> None:
        self._app = app
        self._names = HostNames(names)
        self._origins = frozenset(origin.encode("ascii") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http" or "websocket.http.response" in scope.get("extensions", ()):
            await refusal(scope, receive, send)
        else:  # a server that can only say no
            await send({"type": "websocket.close"})

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
        elif (
            hosts or scope.get("http_version") != "1.0"
        ):  # which does without (RFC 9112, section 3.2), and no browser speaks it
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
