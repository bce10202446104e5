"""The client's address, from the socket or from a trusted proxy's `X-Forwarded-For`."""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import Scope

from src.addresses import ADDRESSES_REMEMBERED_MAX, Address, Network, caller_name
from src.addresses import parsed_address as _parsed

UNKNOWN_CALLER = "unknown"
FORWARDED_HOPS_MAX = 20
#: Number of proxies remembered as already warned about.
PROXIES_WARNED_OF_MAX = 256

#: A node as in RFC 7239, section 6, which proxies also use in X-Forwarded-For: an address, with IPv6 in brackets if a
#: port follows, and in quotes where the grammar of `Forwarded` requires them.
_NODE = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<v4>[0-9.]+))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?", re.ASCII)

log = logging.getLogger(__name__)


def caller_of(scope: Scope, trusted_proxies: Sequence[Network]) -> str:
    """Name the caller of a request.

    Args:
        scope: the ASGI scope.
        trusted_proxies: networks whose `X-Forwarded-For` is believed, from the right, up to the first address
            that is not one of theirs. Where a proxy wrote none (`unknown`, `_hidden`), whatever stands before was
            written by nobody that is trusted: the caller is that proxy.
    """
    client = scope.get("client")
    address = _socket_address(client[0]) if client else None
    if address is None:
        return UNKNOWN_CALLER
    if trusted_proxies and _is_trusted(address, trusted_proxies):
        address = _forwarded(scope, address, trusted_proxies)
    return caller_name(address)


def _forwarded(scope: Scope, nearest: Address, trusted_proxies: Sequence[Network]) -> Address:
    headers = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    if not headers:
        return nearest  # the proxy's own request, such as a probe
    hops = b",".join(headers).decode("latin-1").split(",")[-FORWARDED_HOPS_MAX:]
    for hop in reversed(hops):
        address = _node(hop.strip())
        if address is None:
            _warn_once_of(nearest)
            return nearest
        nearest = address
        if not _is_trusted(address, trusted_proxies):
            return address
    return nearest


def _node(text: str) -> Address | None:
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    match = _NODE.fullmatch(text)
    return _parsed((match["v6"] or match["v4"]) if match else text)


@lru_cache(PROXIES_WARNED_OF_MAX)
def _warn_once_of(proxy: Address) -> None:
    """Warn, once per proxy, that all callers it does not identify share one rate limit."""
    log.warning("%s forwards requests without a valid client address: their callers count as one.", proxy)


def _is_trusted(address: Address, trusted_proxies: Sequence[Network]) -> bool:
    return any(address in network for network in trusted_proxies if network.version == address.version)


#: The same few callers call repeatedly, and parsing an address takes 4 % of an accept.
_socket_address = lru_cache(ADDRESSES_REMEMBERED_MAX)(_parsed)
