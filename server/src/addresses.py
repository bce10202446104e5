"""Client addresses: how they are parsed, and what counts as one caller."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

#: One household or office usually has a whole /64; its addresses count as one caller.
IPV6_CALLER_BITS = 64
ADDRESSES_REMEMBERED_MAX = 4_096

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def parsed_address(text: str) -> Address | None:
    """Parse an address, dropping the zone of a link-local one and unwrapping IPv4-mapped IPv6; None if invalid."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(ADDRESSES_REMEMBERED_MAX)
def caller_name(address: Address) -> str:
    """Return the caller's name for an address: the address itself, or its /64 network for IPv6."""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, IPV6_CALLER_BITS), strict=False))
    return str(address)
