"""Ports for the servers that tests start: no two processes of a test run are given the same one."""

import functools
import itertools
import os
import socket
from collections.abc import Iterator

#: Below the ports that the system gives to outgoing connections, which could take one between its choice and its use.
FIRST, LAST = 11_000, 22_999
BLOCK = 400


def free_port() -> int:
    """Return a port that is free on both loopback addresses, and that no other test process is given."""
    for port in itertools.islice(_ports_of(os.getpid()), BLOCK):
        if _is_free(port):
            return port
    raise AssertionError(f"none of {BLOCK} ports is free")


@functools.cache
def _ports_of(pid: int) -> Iterator[int]:
    """Claim a block of ports by holding its first one until this process ends; `pid` tells a fork from its parent."""
    for first in range(FIRST, LAST - BLOCK, BLOCK):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        return _round(claim, first)
    raise AssertionError("all blocks of ports are claimed")


def _round(claim: socket.socket, first: int) -> Iterator[int]:
    with claim:
        yield from itertools.cycle(range(first + 1, first + BLOCK))


def _is_free(port: int) -> bool:
    try:
        with socket.socket() as ipv4, socket.socket(socket.AF_INET6) as ipv6:
            ipv4.bind(("127.0.0.1", port))
            ipv6.bind(("::1", port))
    except OSError:
        return False
    return True
