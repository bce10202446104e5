"""A network that only reaches sockets named by the test; every other attempt is recorded."""

import errno
import functools
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from src.services.outbound.guard import Address
from src.services.outbound.tls import tls_context
from src.services.outbound.transport import AddressInfo, Network, open_socket

#: One context for all services of this process: to read the authorities takes as long as the rest of a start.
trusted = functools.cache(tls_context)


class Names:
    """A resolver that returns these results in turn, repeating the last, and counts lookups."""

    def __init__(self, *answers: Sequence[Address]) -> None:
        self._answers = list(answers)
        self.lookups = 0

    async def __call__(self, _host: str, _port: int) -> list[Address]:
        self.lookups += 1
        return list(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])


@dataclass
class SealedNetwork:
    """Replaces the machine's network: no packet leaves, not even a DNS query.

    Args:
        doors: the addresses and ports of this machine that may be dialled.
        names: what a name leads to; others have no address.
    """

    doors: set[tuple[str, int]] = field(default_factory=set)
    names: dict[str, list[Address]] = field(default_factory=dict)
    #: Where connections went, and where they would have gone.
    opened: list[tuple[str, int]] = field(default_factory=list)
    refused: list[tuple[str, int]] = field(default_factory=list)

    @property
    def network(self) -> Network:
        return Network(self.lookup, self.open, trusted)

    @property
    def dialled(self) -> list[tuple[str, int]]:
        return self.opened + self.refused

    def lookup(self, host: str, _port: int) -> list[Address]:
        try:
            return self.names[host]
        except KeyError:
            raise socket.gaierror(socket.EAI_NONAME, "no such name in a test") from None

    def open(self, info: AddressInfo) -> socket.socket:
        host, port = info[4][:2]
        assert isinstance(host, str)
        assert isinstance(port, int)
        if (host, port) not in self.doors:
            self.refused.append((host, port))
            raise OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
        self.opened.append((host, port))
        return open_socket(info)
