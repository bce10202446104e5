"""Whatever URL is generated, only what the rules allow is dialled; and what another guard thinks of our addresses."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AnyHttpUrl
from ssrfguard import DEFAULT_DENIED
from yarl import URL

from src.errors import ForbiddenCallbackUrl
from src.services.outbound import guard as callback_guard
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl
from src.services.outbound.client import Failure, ReceiverClient, Reply
from src.services.outbound.guard import ADDRESSES_MAX, Address, CallbackGuard, forbidden_reason
from tests.support.callback_urls import ADDRESSES, ANY_URLS, EMBEDDINGS
from tests.support.sealed_network import Names, SealedNetwork

Tell = Callable[[str, object], None]

URLS_GENERATED = 5_000
URLS_AT_A_TIME = 10
ADDRESSES_GENERATED = 5_000
ADDRESSES_AT_A_TIME = 20
POLICIES = [
    CallbackPolicy(),
    CallbackPolicy(frozenset({"http://127.0.0.1:9001", "https://localhost:443"}), "http://[::1]:9001/hook"),
]
#: Of a name: mostly good, so that the bad ones are one among several.
ANSWERS = st.lists(
    st.one_of(st.sampled_from([ip_address("8.8.8.8"), ip_address("2606:4700::1111")]), ADDRESSES), max_size=4
)


def checked(policy: CallbackPolicy, raw: str) -> CallbackUrl | None:
    try:
        return policy.check(raw)
    except ForbiddenCallbackUrl:
        return None


def may_be_dialled(url: CallbackUrl, answers: list[Address]) -> list[tuple[str, int]]:
    """Say, from the rule alone, where this URL may lead now."""
    try:
        found = [ip_address(url.host)]
    except ValueError:
        found = answers
    if not url.exempt and any(map(forbidden_reason, found)):
        return []
    return [(str(address), url.port) for address in dict.fromkeys(found)][:ADDRESSES_MAX]


def assert_all_readers_agree(url: CallbackUrl) -> None:
    whatwg, ours, dialled = AnyHttpUrl(url.url), httpx.URL(url.url), URL(url.url, encoded=True)
    default = {"http": 80, "https": 443}[url.scheme]
    before, mark, query = url.url.partition("?")
    assert str(whatwg) == before + mark + query.replace("'", "%27")  # all that WHATWG readers write differently
    assert str(ours) == str(dialled) == url.url
    assert (whatwg.host or "").strip("[]") == ours.raw_host.decode() == dialled.raw_host == url.host
    assert whatwg.port == (ours.port or default) == dialled.port == url.port


@pytest.mark.chaos
def test_no_generated_url_is_dialled_outside_the_rule(
    in_every_run: Callable[[int], int], record_property: Tell
) -> None:
    urls = in_every_run(URLS_GENERATED)
    seen: Counter[str] = Counter()
    sealed = SealedNetwork()
    tls = ssl.create_default_context()

    async def attempt(url: CallbackUrl, answers: list[Address]) -> Reply | Failure:
        client = ReceiverClient(url.receiver, CallbackGuard(Names(answers)), tls, sealed.open)
        try:
            return await client.post(url, {}, b"{}", deadline_s=5)
        finally:
            await client.aclose()

    def is_dialled_only_where_the_rule_says(raw: str, policy: CallbackPolicy, answers: list[Address]) -> None:
        seen["generated"] += 1
        if (url := checked(policy, raw)) is None:
            return
        seen["accepted"] += 1
        assert checked(policy, url.url) == url
        assert_all_readers_agree(url)
        expected = may_be_dialled(url, answers)
        sealed.refused.clear()
        outcome = runner.run(attempt(url, answers))
        assert set(sealed.refused) == set(expected)
        assert isinstance(outcome, Failure)
        assert outcome.error_code == ("connect_failed" if expected else "blocked_address" if answers else "dns_failure")
        seen["dialled"] += bool(expected)

    # Several at a time: what an example costs is more than what a URL costs.
    @settings(max_examples=urls // URLS_AT_A_TIME, deadline=None)
    @given(
        st.lists(
            st.tuples(ANY_URLS, st.sampled_from(POLICIES), ANSWERS), min_size=URLS_AT_A_TIME, max_size=URLS_AT_A_TIME
        )
    )
    def are_dialled_only_where_the_rule_says(drawn: list[tuple[str, CallbackPolicy, list[Address]]]) -> None:
        for raw, policy, answers in drawn:
            is_dialled_only_where_the_rule_says(raw, policy, answers)

    with asyncio.Runner() as runner:
        are_dialled_only_where_the_rule_says()
    assert seen["generated"] >= urls
    assert 0 < seen["dialled"] < seen["accepted"] < seen["generated"]
    record_property(
        "figure",
        f"URLs generated: {seen['generated']:,}, accepted: {seen['accepted']:,}, dialled outside the rule: 0",
    )


@settings(deadline=None)
@given(ADDRESSES, st.sampled_from([80, 443, 1024, 65535]))
async def test_an_address_is_judged_alike_when_it_is_accepted_and_when_it_is_dialled(
    address: Address, port: int
) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    url = checked(CallbackPolicy(), f"http://{host}:{port}/")
    forced = CallbackUrl(f"http://{host}:{port}/", f"http://{host}:{port}", "http", str(address), port)
    try:
        approved = await CallbackGuard(Names([])).check(forced)
    except callback_guard.Blocked:
        assert url is None
    else:
        assert url is not None
        assert approved == (ip_address(url.host),) == (address,)


# A second opinion on addresses: ssrfguard, which decodes what an address embeds where we refuse every embedding.

#: Our word for what ssrfguard lets through and we refuse → why we do.
STRICTER = {
    "amt": "relays of AMT: nobody's receiver",
    "as112": "sinks for wrong DNS questions: nobody's receiver",
    "cloud-platform": "the host's own WireServer on Azure",
    "protocol-assignment": "anycast of the network one is in, and blocks of protocols",
    "ipv4-translated": "SIIT, ::ffff:0:0:0/96, leads to any IPv4 address; ssrfguard does not know it",
    "isatap": "announces an IPv4 address in its interface id; ssrfguard does not look there",
    "ipv4-compatible": "embeds an IPv4 address; ssrfguard looks at that one, we refuse every embedding",
    "ipv4-mapped": "the same",
    "nat64": "the same",
    "6to4": "the same",
    "not-global-unicast": "outside 2000::/3, from which IANA assigns nothing",
}


def edges() -> Iterator[Address]:
    """The first and last addresses of every block that either guard names, those beside them, and one within."""
    networks: list[IPv4Network | IPv6Network] = [block.network for block in DEFAULT_DENIED.blocks]
    networks += [network for network, _ in callback_guard._FORBIDDEN_V4]
    networks += [network for network, _ in callback_guard._FORBIDDEN_V6]
    for network in networks:
        first, last = int(network[0]), int(network[-1])
        address = IPv4Address if network.version == 4 else IPv6Address
        for number in (first - 1, first, first + 1, (first + last) // 2, last - 1, last, last + 1):
            if 0 <= number < 2**network.max_prefixlen:
                yield address(number)


def embedding(inner: str) -> list[Address]:
    number = int(IPv4Address(inner))
    return [IPv6Address(embed(number)) for embed in EMBEDDINGS]


def difference(address: Address) -> str | None:
    """Our word for an address that only we refuse. That only ssrfguard refuses one must not be."""
    ours, theirs = forbidden_reason(address), DEFAULT_DENIED.classify(address)
    assert ours or not theirs.blocked, f"{address}: {theirs.reason}"
    return ours if not theirs.blocked else None


@pytest.mark.chaos
def test_every_address_that_may_be_called_is_one_that_ssrfguard_allows_too(
    in_every_run: Callable[[int], int], record_property: Tell
) -> None:
    addresses = in_every_run(ADDRESSES_GENERATED)

    @settings(max_examples=addresses // ADDRESSES_AT_A_TIME, deadline=None)
    @given(st.lists(ADDRESSES, min_size=ADDRESSES_AT_A_TIME, max_size=ADDRESSES_AT_A_TIME))
    def differ_as_it_is_said(drawn: list[Address]) -> None:
        assert {difference(address) for address in drawn} <= {None, *STRICTER}

    differ_as_it_is_said()
    record_property("figure", f"addresses shown to ssrfguard as well: {addresses:,}, allowed by us alone: 0")


def test_the_two_guards_differ_exactly_where_it_is_said() -> None:
    addresses = {*edges(), *embedding("8.8.8.8"), *embedding("127.0.0.1")}

    assert {difference(address) for address in addresses} == {None, *STRICTER}
