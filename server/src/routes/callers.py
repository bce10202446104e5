"""Who is calling: the client's address as the socket saw it, or as a trusted proxy tells."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

#: One household or office usually has a whole /64; its addresses count as one caller.
IPV6_CALLER_BITS = 64
UNKNOWN_CALLER = "unknown"
FORWARDED_HOPS_MAX = 20
ADDRESSES_REMEMBERED_MAX = 4_096

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def caller_of(scope: Scope, trusted_proxies: Sequence[Network]) -> str:
    """Name the caller of a request.

    Args:
        scope: the ASGI scope.
        trusted_proxies: networks whose `X-Forwarded-For` is believed, from the right, up to the first address
            that is not one of theirs.
    """
    client = scope.get("client")
    address = _socket_address(client[0]) if client else None
    if address is None:
        return UNKNOWN_CALLER
    if trusted_proxies and _is_trusted(address, trusted_proxies):
        address = _forwarded(scope, address, trusted_proxies)
    return _name(address)


def _forwarded(scope: Scope, nearest: Address, trusted_proxies: Sequence[Network]) -> Address:
    header = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    hops = header.decode("latin-1").split(",")[-FORWARDED_HOPS_MAX:]
    for hop in reversed(hops):
        address = _parsed(hop.strip())
        if address is None:
            return nearest
        nearest = address
        if not _is_trusted(address, trusted_proxies):
            return address
    return nearest


def _is_trusted(address: Address, trusted_proxies: Sequence[Network]) -> bool:
    return any(address in network for network in trusted_proxies if network.version == address.version)


def _parsed(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


#: The same few callers call again and again; reading an address takes 4 % of an accept.
_socket_address = lru_cache(ADDRESSES_REMEMBERED_MAX)(_parsed)


@lru_cache(ADDRESSES_REMEMBERED_MAX)
def _name(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_CALLER_BITS), strict=False))
    return str(address)
