"""A limit on concurrent connections per client address, shared by HTTP and WebSockets."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from src.addresses import ADDRESSES_REMEMBERED_MAX, Address, Network, caller_name, parsed_address

_parse = lru_cache(ADDRESSES_REMEMBERED_MAX)(parsed_address)


class ConnectionSlot:
    """One connection counted against the limit of its address."""

    def __init__(self, in_use: Counter[str], key: str) -> None:
        self._in_use = in_use
        self._key: str | None = key
        in_use[key] += 1

    def release(self) -> None:
        """Release the slot. Idempotent."""
        if self._key is None:
            return
        self._in_use[self._key] -= 1
        if not self._in_use[self._key]:
            del self._in_use[self._key]
        self._key = None


class ConnectionLimit:
    """The connection limit of one server.

    Args:
        per_address_max: connections per IPv4 address, or per /64 network for IPv6.
        trusted_proxies: networks exempt from the limit, because each address there stands for many callers.
    """

    def __init__(self, per_address_max: int, trusted_proxies: Sequence[Network] = ()) -> None:
        self._per_address_max = per_address_max
        self._trusted_proxies = trusted_proxies
        #: Open connections by address or network. Keys are removed at zero, so the counter does not grow with history.
        self.in_use: Counter[str] = Counter()

    def acquire(self, address: str) -> ConnectionSlot | None:
        """Acquire a slot for a new connection, or return None if its address is at the limit."""
        parsed = _parse(address)
        key = caller_name(parsed) if parsed else address
        if self.in_use[key] >= self._per_address_max and not (parsed and self._is_proxy(parsed)):
            return None
        return ConnectionSlot(self.in_use, key)

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._trusted_proxies)
