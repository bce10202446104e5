"""Addresses of callers: how they are read, and what counts as one caller."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: One household or office usually has a whole /64; its addresses count as one caller.
IPV6_CALLER_BITS = 64
ADDRESSES_REMEMBERED_MAX = 4_096

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parsed_address(text: str) -> Address | None:
    """Read an address, without the zone of a link-local one; an IPv4 address written as IPv6 is what it is."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(ADDRESSES_REMEMBERED_MAX)
def caller_name(address: Address) -> str:
    """Name whom an address stands for: itself, or the /64 network of an IPv6 address."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_CALLER_BITS), strict=False))
    return str(address)
