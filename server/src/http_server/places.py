"""How many connections an address has, whatever is spoken over them."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from src.addresses import ADDRESSES_REMEMBERED_MAX, Address, Network, caller_name, parsed_address

_read = lru_cache(ADDRESSES_REMEMBERED_MAX)(parsed_address)


class Place:
    """One connection's place among those of its address."""

    def __init__(self, taken: Counter[str], name: str) -> None:
        self._taken = taken
        self._name: str | None = name
        taken[name] += 1

    def free(self) -> None:
        """Give it back, once."""
        if self._name is None:
            return
        self._taken[self._name] -= 1
        if not self._taken[self._name]:
            del self._taken[self._name]
        self._name = None


class Places:
    """The places of one server.

    Args:
        each_max: connections of one address; of a /64 network, if it is an IPv6 address.
        trusted_proxies: networks that may have any number, because they stand for many callers.
    """

    def __init__(self, each_max: int, trusted_proxies: Sequence[Network] = ()) -> None:
        self._each_max = each_max
        self._trusted_proxies = trusted_proxies
        #: Places taken, by who took them; nothing when nobody is connected.
        self.taken: Counter[str] = Counter()

    def take(self, address: str) -> Place | None:
        """Take a place for a connection; None when its address has as many as it may have."""
        parsed = _read(address)
        name = caller_name(parsed) if parsed else address
        if self.taken[name] >= self._each_max and not (parsed and self._is_proxy(parsed)):
            return None
        return Place(self.taken, name)

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._trusted_proxies)
