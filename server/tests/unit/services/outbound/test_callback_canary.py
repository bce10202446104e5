"""Nothing that a caller, a name or a receiver says makes us connect to an address of the local machine or network.

Every vector goes through the rules for URLs, the guard and the transport of production. Only the last step is ours:
sockets are made for the canary, which listens on both loopback addresses, and for nothing else. So a hole shows as a
connection to the canary or as an attempt to dial elsewhere, and no packet ever leaves the machine.
"""

import itertools
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from ipaddress import ip_address

import httpx
import pytest
from pydantic import AnyHttpUrl
from yarl import URL

from src.errors import ForbiddenCallbackUrl
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl
from src.services.outbound.client import Failure, ReceiverClient, Reply
from src.services.outbound.guard import Address, CallbackGuard, Resolver, forbidden_reason
from src.services.outbound.tls import tls_context
from tests.support.callback_urls import FORBIDDEN_ADDRESSES, REFUSED
from tests.support.canary import Canary, listening
from tests.support.sealed_network import Names, SealedNetwork

Tell = Callable[[str, object], None]

STRICT = CallbackPolicy()
BODY = b"{}"
DEADLINE_S = 5.0
PUBLIC, PUBLIC_V6 = ip_address("93.184.216.34"), ip_address("2606:4700:4700::1111")
LOOPBACK, LOOPBACK_V6 = ip_address("127.0.0.1"), ip_address("::1")
FORBIDDEN = [ip_address(text) for texts in FORBIDDEN_ADDRESSES.values() for text in texts.split()]
VECTORS_MIN = 150

REDIRECTS = (300, 301, 302, 303, 304, 305, 306, 307, 308)
#: Where a receiver sends us, and the headers with which it might.
LOCATIONS = (
    "http://127.0.0.1:{port}/",
    "http://[::1]:{port}/",
    "http://localhost:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f.1:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://a@127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}\\",
    "https://127.0.0.1:{port}/",
)
POINTING_HEADERS = (
    "Refresh: 0; url=http://127.0.0.1:{port}/",
    'Alt-Svc: http/1.1="127.0.0.1:{port}"; ma=60',
    "Content-Location: http://127.0.0.1:{port}/",
    'Link: <http://127.0.0.1:{port}/>; rel="preload"',
    "Location: http://127.0.0.1:{port}/",
)


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with listening(Canary()) as canary:
        yield canary


@pytest.fixture
def sealed(canary: Canary) -> SealedNetwork:
    return SealedNetwork(doors=canary.doors)


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return tls_context()


async def at_its_worst(host: str, port: int) -> list[Address]:
    """A resolver that reads numbers as inet_aton does, in every base and length, and leads every name to us."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return [LOOPBACK, LOOPBACK_V6]
    return [ip_address(sockaddr[0]) for *_, sockaddr in found]


class Way:
    """The way of a callback out of the machine, as production builds it, with a resolver and a network of ours."""

    def __init__(self, sealed: SealedNetwork, tls: ssl.SSLContext) -> None:
        self._sealed = sealed
        self._tls = tls

    async def deliver(
        self, raw: str, resolver: Resolver, policy: CallbackPolicy = STRICT, attempts: int = 1
    ) -> list[Reply | Failure]:
        """Accept a URL and call it, as often as told."""
        try:
            url = policy.check(raw)
        except ForbiddenCallbackUrl as error:
            return [Failure("blocked_address", error.detail)]
        return await self.call(url, resolver, attempts)

    async def call(self, url: CallbackUrl, resolver: Resolver, attempts: int = 1) -> list[Reply | Failure]:
        """Call a URL that counts as checked."""
        client = ReceiverClient(url.receiver, CallbackGuard(resolver), self._tls, self._sealed.open)
        try:
            return [await client.post(url, {}, BODY, deadline_s=DEADLINE_S) for _ in range(attempts)]
        finally:
            await client.aclose()


@pytest.fixture
def way(sealed: SealedNetwork, tls: ssl.SSLContext) -> Way:
    return Way(sealed, tls)


def is_blocked(outcome: Reply | Failure) -> bool:
    return isinstance(outcome, Failure) and outcome.error_code == "blocked_address"


def aimed(raw: str, port: int) -> str:
    """The same URL with the canary's port, as far as a port can be put into it."""
    parts = re.fullmatch(r"(?s)([A-Za-z+]+:[/\\]*)([^/?#\\]+)(.*)", raw)
    if parts is None:
        return raw
    scheme, authority, rest = parts.groups()
    if authority.count(":") == 1 or "]:" in authority:
        authority = authority.rpartition(":")[0]
    return f"{scheme}{authority}:{port}{rest}"


def spellings(port: int) -> list[str]:
    """Every URL that must be refused, as it is written, and aimed at the canary."""
    written = [raw for urls in REFUSED.values() for raw in urls]
    # Those that break a rule by their port alone would be good with another one.
    aim = [aimed(raw, port) for rule, urls in REFUSED.items() if rule != "port" for raw in urls]
    return list(dict.fromkeys(written + aim))


def readings(raw: str) -> set[CallbackUrl]:
    """What three readers of URLs make of it, as if nobody had checked it before."""
    read = set()
    for reader in (AnyHttpUrl, httpx.URL, URL):
        with suppress(ValueError, KeyError, httpx.InvalidURL):
            url = reader(raw)
            host = (url.host or "").strip("[]")
            port = url.port or {"http": 80, "https": 443}[url.scheme]
            receiver = f"{url.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
            read.add(CallbackUrl(str(url), receiver, url.scheme, host, port))
    return read


async def test_no_spelling_of_a_url_that_is_not_public_is_dialled(
    way: Way, canary: Canary, sealed: SealedNetwork, record_property: Tell
) -> None:
    tried = spellings(canary.port)
    outcomes = [await way.deliver(raw, at_its_worst) for raw in tried]

    assert [raw for raw, [outcome] in zip(tried, outcomes, strict=True) if not is_blocked(outcome)] == []
    assert len(tried) > VECTORS_MIN
    assert (canary.connections, sealed.dialled) == (0, [])
    record_property("figure", f"URLs that must not be called: {len(tried)} tried, 0 connections")


async def test_the_guard_alone_stops_what_the_rules_for_urls_would_let_through(
    way: Way, canary: Canary, sealed: SealedNetwork, record_property: Tell
) -> None:
    """The second wall: each reader's own idea of each URL goes straight to the transport."""
    tried = {url for raw in spellings(canary.port) for url in readings(raw)}
    for url in tried:
        with suppress(httpx.InvalidURL, ValueError):  # nothing that could be sent
            await way.call(url, at_its_worst)

    assert len(tried) > VECTORS_MIN
    assert canary.connections == 0
    assert [host for host, _ in sealed.dialled if forbidden_reason(ip_address(host))] == []
    record_property(
        "figure", f"the same past the rules for URLs, as three readers see them: {len(tried)} tried, 0 connections"
    )


async def test_no_answer_about_a_name_leads_to_an_address_that_is_not_public(
    way: Way, canary: Canary, sealed: SealedNetwork, record_property: Tell
) -> None:
    raw = f"http://hooks.example.com:{canary.port}/"
    answers: list[list[Address]] = []
    for address in FORBIDDEN:
        answers += [[address], [PUBLIC, address], [address, PUBLIC_V6], [PUBLIC, PUBLIC_V6, PUBLIC, PUBLIC_V6, address]]
    for answer in answers:
        [outcome] = await way.deliver(raw, Names(answer))
        assert is_blocked(outcome), answer

    assert (canary.connections, sealed.dialled) == (0, [])
    record_property(
        "figure", f"answers to a public name with an address that is not public: {len(answers)} tried, 0 connections"
    )


async def test_a_name_that_changes_its_answer_is_dialled_only_where_the_checked_answer_said(
    way: Way, canary: Canary, sealed: SealedNetwork, record_property: Tell
) -> None:
    """DNS rebinding: public when it is accepted and first looked at, local a moment later, in any order."""
    raw = f"http://hooks.example.com:{canary.port}/"
    rounds = 0
    for first, second in itertools.product([[PUBLIC], [PUBLIC_V6], [PUBLIC_V6, PUBLIC]], [[one] for one in FORBIDDEN]):
        names = Names(first, second, first, second)
        outcomes = await way.deliver(raw, names, attempts=4)
        assert [is_blocked(outcome) for outcome in outcomes] == [False, True, False, True]
        assert names.lookups == 4
        rounds += 1

    assert canary.connections == 0
    assert {ip_address(host) for host, _ in sealed.refused} == {PUBLIC, PUBLIC_V6}
    record_property("figure", f"names that change their answer between attempts: {rounds} tried, 0 connections")


async def test_no_answer_of_a_receiver_leads_anywhere_else(
    way: Way, canary: Canary, sealed: SealedNetwork, record_property: Tell
) -> None:
    headers = [f"Location: {location}" for location in LOCATIONS] + list(POINTING_HEADERS)
    tried = list(itertools.product((200, 201, 429, 503, *REDIRECTS), headers))
    async with listening(Canary()) as receiver:
        sealed.doors |= receiver.doors
        origin = f"http://127.0.0.1:{receiver.port}"
        for status, header in tried:
            line = header.format(port=canary.port)
            receiver.answer = f"HTTP/1.1 {status} X\r\n{line}\r\nContent-Length: 0\r\n\r\n".encode()
            outcomes = await way.deliver(f"{origin}/hook", at_its_worst, CallbackPolicy(frozenset({origin})))
            assert outcomes == [Reply(status, None, b"")]

        assert receiver.connections == len(tried)
    assert canary.connections == 0
    assert {port for _, port in sealed.dialled} == {receiver.port}
    record_property("figure", f"answers that point to a local address: {len(tried)} tried, 0 connections")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
async def test_the_canary_notices_whoever_comes(way: Way, canary: Canary, sealed: SealedNetwork, host: str) -> None:
    """What the zeros above are worth: the same way, to the same canary, once its origin is allowed."""
    origin = f"http://{host}:{canary.port}"
    outcomes = await way.deliver(f"{origin}/", at_its_worst, CallbackPolicy(frozenset({origin})))

    assert outcomes == [Reply(200, None, b"ok")]
    assert canary.connections == len(sealed.opened) == 1
    assert f"Host: {host}:{canary.port}".encode() in canary.received
