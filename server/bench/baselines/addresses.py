"""Which addresses the baselines call: public ones, and origins that are allowed by name. As most would write it."""

import ipaddress
import os
import socket
from urllib.parse import urlsplit

ALLOWED_ORIGINS = frozenset(os.environ.get("BENCH_ALLOWED_ORIGINS", "").split(","))


class ForbiddenUrl(Exception):
    """The URL is not allowed."""


def check_allowed(url: str) -> None:
    """Check what can be checked without the network.

    Raises:
        ForbiddenUrl: another scheme, no host, or an address that is not public.
    """
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" in ALLOWED_ORIGINS:
        return
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ForbiddenUrl(url)
    try:
        address = ipaddress.ip_address(parts.hostname)
    except ValueError:
        return  # a name
    if not address.is_global:
        raise ForbiddenUrl(url)


def check_resolved(url: str) -> None:
    """Look the name up and check every address it has now. (What is dialled is looked up again: nothing is pinned.)

    Raises:
        ForbiddenUrl: one of them is not public.
        OSError: the name cannot be looked up.
    """
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" in ALLOWED_ORIGINS:
        return
    for *_, address in socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM):
        if not ipaddress.ip_address(address[0]).is_global:
            raise ForbiddenUrl(url)
