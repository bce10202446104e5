"""SSRF protection: which addresses may be called, and which ones a URL resolves to right now.

    forbidden_reason     an address → why it must not be called, or None
    ThreadResolver       a name → its addresses, within a deadline
    CallbackGuard        a checked URL → the addresses it may be dialed at now

`transport.py` connects only to addresses returned from here. If it resolved the name again after the check, the second
lookup could return another address (DNS rebinding).
"""

import asyncio
import contextlib
import errno
import ipaddress
import math
import os
import queue
import socket
import threading
from collections.abc import Callable
from typing import Literal, Protocol

import httpx

from src.services.kit.lru import LruDict
from src.services.outbound.lookup_turns import LookupTurns

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
ErrorCode = Literal[
    "blocked_address",
    "dns_failure",
    "connect_failed",
    "connection_reset",
    "tls_failure",
    "timeout",
    "bad_http",
    "local_resources",
    "internal_error",
]

#: The resource this machine ran out of, by errno; such a failure is not the receiver's fault.
LACKING = {
    errno.EMFILE: "file descriptor",
    errno.ENFILE: "file descriptor",
    errno.ENOBUFS: "network buffer",
    errno.ENOMEM: "memory",
    errno.EADDRNOTAVAIL: "port",
    errno.EAGAIN: "thread",
}
LOOKUP_TIMEOUT_S = 2.0
LOOKUP_PROMPT_WITHIN_S = 1.0  # a name resolved within this time may use the reserved threads next time
ADDRESSES_MAX = 3  # addresses dialed per name
#: Seconds within which the next `check` of a URL reuses the result of `locate`.
LOCATED_FOR_S = 60.0
LOCATED_MAX = 1_000  # results waiting for their `check`

_V4 = {
    "0.0.0.0/8": "this-network",  # RFC 791, RFC 1122 3.2.1.3
    "10.0.0.0/8": "private",  # RFC 1918
    "100.64.0.0/10": "shared",  # RFC 6598, carrier-grade NAT; Alibaba's metadata service is in here
    "127.0.0.0/8": "loopback",  # RFC 1122 3.2.1.3
    "168.63.129.16/32": "cloud-platform",  # a public address, but on Azure the host's own WireServer
    "169.254.0.0/16": "link-local",  # RFC 3927; the metadata service of most clouds is in here
    "172.16.0.0/12": "private",  # RFC 1918
    "192.0.0.0/24": "protocol-assignment",  # RFC 6890; Oracle's metadata service is in here
    "192.0.2.0/24": "documentation",  # RFC 5737
    "192.31.196.0/24": "as112",  # RFC 7535
    "192.52.193.0/24": "amt",  # RFC 7450
    "192.88.99.0/24": "6to4-relay",  # RFC 7526
    "192.168.0.0/16": "private",  # RFC 1918
    "192.175.48.0/24": "as112",  # RFC 7534
    "198.18.0.0/15": "benchmarking",  # RFC 2544
    "198.51.100.0/24": "documentation",  # RFC 5737
    "203.0.113.0/24": "documentation",  # RFC 5737
    "224.0.0.0/4": "multicast",  # RFC 5771
    "240.0.0.0/4": "reserved",  # RFC 1112 4; the broadcast address (RFC 919) is in here
}
_V6_INSIDE_GLOBAL_UNICAST = {
    "2001::/23": "protocol-assignment",  # RFC 2928; Teredo (RFC 4380) is in here, it embeds IPv4 addresses
    "2001:db8::/32": "documentation",  # RFC 3849
    "2002::/16": "6to4",  # RFC 3056, embeds an IPv4 address
    "2620:4f:8000::/48": "as112",  # RFC 7534
    "3fff::/20": "documentation",  # RFC 9637
}
#: Only names for the error message: everything outside `_GLOBAL_UNICAST` is forbidden, listed here or not.
_V6_OUTSIDE = {
    "::/128": "unspecified",  # RFC 4291 2.5.2
    "::1/128": "loopback",  # RFC 4291 2.5.3
    "::/96": "ipv4-compatible",  # RFC 4291 2.5.5.1
    "::ffff:0:0/96": "ipv4-mapped",  # RFC 4291 2.5.5.2
    "::ffff:0:0:0/96": "ipv4-translated",  # RFC 2765 2.1 (SIIT)
    "64:ff9b::/96": "nat64",  # RFC 6052
    "64:ff9b:1::/48": "nat64",  # RFC 8215
    "fc00::/7": "unique-local",  # RFC 4193
    "fe80::/10": "link-local",  # RFC 4291 2.5.6
    "fec0::/10": "site-local",  # RFC 3879
    "ff00::/8": "multicast",  # RFC 4291 2.7
}
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291 2.4: the only block IANA assigns from
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 6.1: these bits of an interface id mark an embedded IPv4 address
_FORBIDDEN_V4 = [(ipaddress.IPv4Network(net), word) for net, word in _V4.items()]
_FORBIDDEN_V6 = [(ipaddress.IPv6Network(net), word) for net, word in (_V6_INSIDE_GLOBAL_UNICAST | _V6_OUTSIDE).items()]


def literal_address(host: str) -> Address | None:
    """Parse `host` (without brackets) as an address; `None` if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def forbidden_reason(address: Address) -> str | None:
    """Return why an address must not be called, as one short word; `None` if it is public unicast.

    IPv6 follows an allow list: only 2000::/3 is permitted, so every format that embeds an IPv4 address (mapped,
    compatible, SIIT, NAT64; inside the block 6to4, Teredo, ISATAP) is forbidden, whatever it embeds.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return next((word for net, word in _FORBIDDEN_V4 if address in net), None)
    if address.scope_id is not None:
        return "zone-id"  # RFC 4007 11: only meaningful on this machine
    word = next((word for net, word in _FORBIDDEN_V6 if address in net), None)
    if word is None and address not in _GLOBAL_UNICAST:
        return "not-global-unicast"
    return "isatap" if word is None and int(address) >> 32 & 0xFFFF_FFFF in _ISATAP else word


class AttemptFailed(httpx.TransportError):
    """The attempt got no response.

    Args:
        error_code: stable; for the callback log.
        message: one short sentence in plain ASCII, without anything the receiver sent.
    """

    def __init__(self, error_code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error_code: ErrorCode = error_code


class Blocked(AttemptFailed):
    """The URL resolves to a forbidden address; nothing was dialed."""

    def __init__(self, reason: str) -> None:
        super().__init__("blocked_address", f"the receiver resolves to a forbidden address ({reason})")
        self.reason = reason


class ResolutionFailed(AttemptFailed):
    """The name could not be resolved this time; a retry may succeed."""

    def __init__(self, message: str) -> None:
        super().__init__("dns_failure", message)


class LacksResources(AttemptFailed):
    """This machine had no file descriptor, port, memory or thread left for the attempt; nothing was sent.

    Args:
        number: the errno of the failed call, one of `LACKING`.
    """

    def __init__(self, number: int) -> None:
        super().__init__("local_resources", f"this machine has no {LACKING[number]} left ({os.strerror(number)})")


class Resolver(Protocol):
    """Resolves a name."""

    async def __call__(self, host: str, port: int, /) -> list[Address]:
        """Return all addresses of `host`; raises `ResolutionFailed`."""


def system_lookup(host: str, port: int) -> list[Address]:
    """Resolve a name with the system's resolver; blocks, raises OSError."""
    # Bytes bypass Python's IDNA codec. No AI_ADDRCONFIG: every address is to be checked.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [ipaddress.ip_address(sockaddr[0]) for *_, sockaddr in found]


class ThreadResolver:
    """Runs the system's lookup in threads, so that a hanging one delays no other.

    getaddrinfo has no timeout and cannot be cancelled: when the caller stops waiting, the thread stays occupied until
    the system gives up. Hence the limits of `LookupTurns`. It uses daemon threads instead of a ThreadPoolExecutor,
    because the interpreter joins an executor's threads at exit, which a hanging lookup would delay. Belongs to one
    event loop.

    Args:
        lookup: the blocking lookup.
        timeout_s: timeout in seconds, including the wait for a thread.
        start: starts a thread; raises RuntimeError if the system has none left.
    """

    def __init__(
        self,
        lookup: Callable[[str, int], list[Address]] = system_lookup,
        timeout_s: float = LOOKUP_TIMEOUT_S,
        start: Callable[[threading.Thread], None] = threading.Thread.start,
    ) -> None:
        self._lookup = lookup
        self._start = start
        self._timeout_s = timeout_s
        self._turns = LookupTurns()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads_started = 0
        self._threads_idle = 0

    async def __call__(self, host: str, port: int) -> list[Address]:
        """Return all addresses of `host`.

        Raises:
            ResolutionFailed: there is no such name, or no answer in time.
            LacksResources: the lookup could not be started.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._in_thread(host, port)
        except TimeoutError:
            raise ResolutionFailed(f"no answer about the receiver's name within {self._timeout_s:g} s") from None
        except OSError as error:
            raise _lookup_failure(error) from error
        except UnicodeError as error:
            raise ResolutionFailed("the receiver's name has no address: it is not a valid name") from error

    async def _in_thread(self, host: str, port: int) -> list[Address]:
        end_turn = await self._turns.begin(host)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        answer: asyncio.Future[list[Address]] = loop.create_future()

        def finish(found: list[Address] | Exception) -> None:
            self._threads_idle += 1
            answered = isinstance(found, list)
            self._turns.judge(host, prompt=answered and loop.time() - began_s < LOOKUP_PROMPT_WITHIN_S)
            end_turn()
            if not answer.done():
                answer.set_result(found) if isinstance(found, list) else answer.set_exception(found)

        def run() -> None:
            found: list[Address] | Exception
            try:
                found = self._lookup(host, port)
            except Exception as error:  # noqa: BLE001  passed on to the awaiting caller
                found = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting any more
                loop.call_soon_threadsafe(finish, found)

        try:
            self._submit(run)
        except RuntimeError:
            end_turn()
            raise LacksResources(errno.EAGAIN) from None
        return await answer

    def _submit(self, job: Callable[[], None]) -> None:
        if self._threads_idle:
            self._threads_idle -= 1
        else:
            self._start(threading.Thread(target=_work, args=(self._jobs,), name="callback-lookup", daemon=True))
            self._threads_started += 1
        self._jobs.put(job)

    def close(self) -> None:
        """Stop the threads. One hanging in a lookup ends when the system gives up, or with the process."""
        for _ in range(self._threads_started):
            self._jobs.put(None)


def _lookup_failure(error: OSError) -> AttemptFailed:
    """Distinguish a name that does not exist, a name server that does not answer, and a lack of local resources."""
    if (lack := _lack_behind(error)) is not None:
        return LacksResources(lack)
    words = error.strerror if isinstance(error, socket.gaierror) else None
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return ResolutionFailed(f"the receiver's name cannot be looked up now: {words}")
    return ResolutionFailed(f"the receiver's name has no address: {words or 'lookup failed'}")


def _lack_behind(error: OSError) -> int | None:
    """Return the errno of the resource a lookup lacked, or None.

    Without a free file descriptor the C library reports misleading errors, so that case is probed for.
    """
    if not isinstance(error, socket.gaierror):
        return error.errno if error.errno in LACKING else None  # EAI_SYSTEM is raised as the system's own error
    if error.errno == socket.EAI_MEMORY:
        return errno.ENOMEM
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as lack:
        return lack.errno if lack.errno in LACKING else None
    return None


def _work(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while job := jobs.get():
        job()


class Target(Protocol):
    """The properties of a URL that the guard needs; implemented by `callback_url.CallbackUrl`."""

    @property
    def host(self) -> str:
        """A name or an address without brackets."""

    @property
    def port(self) -> int:
        """1 to 65535."""

    @property
    def exempt(self) -> bool:
        """Whether the operator has exempted this origin from the address rules."""


class CallbackGuard:
    """Decides at each attempt which addresses a URL may be dialed at. Belongs to one event loop.

    Limits per address call `locate` first. That is the attempt's only lookup: the following `check` reuses its result,
    once, so that the address counted is the first one dialed, and a name whose addresses keep changing cannot evade
    the limits.

    Args:
        resolver: resolves names.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._located: LruDict[Target, tuple[float, list[Address] | AttemptFailed]] = LruDict(LOCATED_MAX)

    async def locate(self, url: Target) -> str:
        """Return the address the next attempt will dial first, or the host if it cannot be resolved now."""
        if literal_address(url.host):
            return url.host
        found: list[Address] | AttemptFailed
        try:
            found = await self._look_up(url)
        except AttemptFailed as error:
            found = error
        self._located[url] = (asyncio.get_running_loop().time(), found)
        return str(found[0]) if isinstance(found, list) and found else url.host

    async def check(self, url: Target) -> tuple[Address, ...]:
        """Return at most `ADDRESSES_MAX` addresses, in the order in which to try them.

        A name takes one lookup, unless `locate` has just done it; an address takes none. An exempt URL is resolved as
        well, but its addresses are not restricted.

        Raises:
            Blocked: at least one of the addresses is forbidden, which blocks the name altogether.
            ResolutionFailed: the lookup failed.
            LacksResources: the lookup could not be started.
        """
        if (found := self._take_located(url)) is None:
            found = await self._look_up(url)
        if isinstance(found, AttemptFailed):
            raise found
        if not found:
            raise ResolutionFailed("the receiver's name has no address")
        reason = next(filter(None, map(forbidden_reason, found)), None)
        if reason and not url.exempt:
            raise Blocked(reason)
        return tuple(dict.fromkeys(found))[:ADDRESSES_MAX]

    async def _look_up(self, url: Target) -> list[Address]:
        literal = literal_address(url.host)
        return [literal] if literal else await self._resolver(url.host, url.port)

    def _take_located(self, url: Target) -> list[Address] | AttemptFailed | None:
        at_s, found = self._located.pop(url, (-math.inf, None))
        return found if asyncio.get_running_loop().time() - at_s < LOCATED_FOR_S else None
