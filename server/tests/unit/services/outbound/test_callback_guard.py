"""The guard: which addresses may be called, how names are looked up, and that one bad answer refuses a name."""

import asyncio
import ipaddress
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.outbound.guard import (
    ADDRESSES_MAX,
    LOCATED_MAX,
    Address,
    Blocked,
    CallbackGuard,
    ResolutionFailed,
    ThreadResolver,
    forbidden_reason,
)
from src.services.outbound.lookup_turns import LOOKUPS_MAX, LOOKUPS_PER_ZONE_MAX, LOOKUPS_UNPROVEN_MAX
from tests.support.callback_urls import FORBIDDEN_ADDRESSES
from tests.support.sealed_network import Names

PUBLIC = "93.184.216.34"
PUBLIC_V6 = "2606:4700:4700::1111"

PUBLIC_ONES = (
    "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 "
    "168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 "
    "192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 203.0.112.255 203.0.114.0 223.255.255.255 "
    "2000::1 2001:200::1 2001:4860:4860::8888 2001:db7::1 2001:db9::1 2003::1 2606:4700:4700::1111 2620:fe::fe "
    "2a00:1450:4001:80b::200e 3ffe::1 2a00::5eff:7f00:1"
)


@pytest.fixture(autouse=True)
async def nothing_fails_unseen() -> AsyncIterator[None]:
    """What the event loop would only log fails the test."""
    seen: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: seen.append(context))
    yield
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert seen == []


@dataclass(frozen=True)
class Url:
    """As much of a URL as the guard looks at."""

    host: str
    port: int = 443
    exempt: bool = False


def addresses(*texts: str) -> list[Address]:
    return [ipaddress.ip_address(text) for text in texts]


@pytest.mark.parametrize(
    ("word", "text"), [(word, text) for word, texts in FORBIDDEN_ADDRESSES.items() for text in texts.split()]
)
def test_an_address_that_is_not_public_unicast_is_forbidden_and_its_kind_named(word: str, text: str) -> None:
    assert forbidden_reason(ipaddress.ip_address(text)) == word


@pytest.mark.parametrize("text", PUBLIC_ONES.split())
def test_a_public_address_is_not_forbidden(text: str) -> None:
    assert forbidden_reason(ipaddress.ip_address(text)) is None


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_is_reachable_inside_an_ipv6_one(inner: ipaddress.IPv4Address) -> None:
    number = int(inner)
    embedded = [
        number,  # compatible
        0xFFFF << 32 | number,  # mapped
        0xFFFF << 48 | number,  # SIIT
        0x64_FF9B << 96 | number,  # NAT64
        0x64_FF9B_0001 << 80 | number,  # NAT64, local use
        0x2002 << 112 | number << 80,  # 6to4
        0x2001 << 112 | number << 64,  # Teredo server
        0x2001 << 112 | number ^ 0xFFFF_FFFF,  # Teredo client
        0x2A00 << 112 | 0x5EFE << 32 | number,  # ISATAP
    ]
    assert all(forbidden_reason(ipaddress.IPv6Address(address)) for address in embedded)


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_local_is_let_through(address: Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert forbidden_reason(address)


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "10.0.0.1", "::ffff:127.0.0.1", "169.254.169.254"])
async def test_a_forbidden_literal_is_blocked_without_a_lookup(text: str) -> None:
    resolver = Names(addresses(PUBLIC))
    with pytest.raises(Blocked) as blocked:
        await CallbackGuard(resolver).check(Url(text))
    assert blocked.value.error_code == "blocked_address"
    assert resolver.lookups == 0


async def test_a_public_literal_is_approved_without_a_lookup() -> None:
    resolver = Names(addresses("127.0.0.1"))
    assert await CallbackGuard(resolver).check(Url(PUBLIC_V6)) == tuple(addresses(PUBLIC_V6))
    assert resolver.lookups == 0


async def test_a_name_is_looked_up_once_for_each_check() -> None:
    resolver = Names(addresses(PUBLIC, PUBLIC_V6))
    guard = CallbackGuard(resolver)
    assert await guard.check(Url("a.test")) == tuple(addresses(PUBLIC, PUBLIC_V6))
    await guard.check(Url("a.test"))
    assert resolver.lookups == 2


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        [PUBLIC, "127.0.0.1"],
        ["127.0.0.1", PUBLIC],
        [PUBLIC, PUBLIC_V6, "8.8.8.8", "1.1.1.1", "10.0.0.1"],
        [PUBLIC, "::ffff:127.0.0.1"],
        [PUBLIC, "64:ff9b::7f00:1"],
        [PUBLIC, "2002:7f00:1::"],
        [PUBLIC_V6, "fd00::1"],
        [PUBLIC_V6, "fe80::1%lo"],
        ["0.0.0.0"],
        ["::"],
    ],
)
async def test_one_forbidden_answer_refuses_the_name(answers: list[str]) -> None:
    with pytest.raises(Blocked):
        await CallbackGuard(Names(addresses(*answers))).check(Url("a.test"))


async def test_a_name_that_changes_its_answer_is_judged_by_the_answer_of_each_attempt() -> None:
    guard = CallbackGuard(Names(addresses(PUBLIC), addresses("127.0.0.1")))
    assert await guard.check(Url("a.test")) == tuple(addresses(PUBLIC))
    with pytest.raises(Blocked, match="loopback"):
        await guard.check(Url("a.test"))


async def test_at_most_three_different_addresses_are_dialled_but_all_are_checked() -> None:
    found = addresses(PUBLIC, PUBLIC, "8.8.8.8", PUBLIC_V6, "1.1.1.1")
    assert await CallbackGuard(Names(found)).check(Url("a.test")) == tuple(addresses(PUBLIC, "8.8.8.8", PUBLIC_V6))
    assert ADDRESSES_MAX == 3


async def test_an_exempt_url_may_lead_anywhere_but_is_looked_up_as_well() -> None:
    resolver = Names(addresses("127.0.0.1", "::1"))
    assert await CallbackGuard(resolver).check(Url("localhost", exempt=True)) == tuple(addresses("127.0.0.1", "::1"))
    assert await CallbackGuard(resolver).check(Url("10.0.0.1", exempt=True)) == tuple(addresses("10.0.0.1"))
    assert resolver.lookups == 1


async def test_a_name_without_an_address_is_a_failed_lookup() -> None:
    with pytest.raises(ResolutionFailed, match="no address"):
        await CallbackGuard(Names([])).check(Url("a.test"))


class Counted:
    """A resolver that gives another address each time."""

    def __init__(self) -> None:
        self.given: list[str] = []

    async def __call__(self, _host: str, _port: int) -> list[Address]:
        self.given.append(f"8.8.8.{len(self.given)}")
        return addresses(self.given[-1])


async def test_the_address_that_was_located_is_the_one_that_is_dialled_by_one_lookup() -> None:
    resolver = Counted()
    guard = CallbackGuard(resolver)
    for number in range(3):
        located = await guard.locate(Url("a.test"))
        assert (located,) == tuple(map(str, await guard.check(Url("a.test"))))
        assert len(resolver.given) == number + 1


async def test_what_was_located_counts_once_and_for_the_same_url_alone() -> None:
    resolver = Counted()
    guard = CallbackGuard(resolver)
    await guard.locate(Url("a.test"))
    await guard.check(Url("b.test"))
    await guard.check(Url("a.test"))
    await guard.check(Url("a.test"))
    assert len(resolver.given) == 3


async def test_a_forbidden_address_that_was_located_is_blocked() -> None:
    guard = CallbackGuard(Names(addresses("127.0.0.1"), addresses(PUBLIC)))
    assert await guard.locate(Url("a.test")) == "127.0.0.1"
    with pytest.raises(Blocked):
        await guard.check(Url("a.test"))


async def test_a_lookup_that_failed_is_not_made_twice_for_one_attempt() -> None:
    lookups = 0

    async def fails(_host: str, _port: int) -> list[Address]:
        nonlocal lookups
        lookups += 1
        raise ResolutionFailed("no such name")

    guard = CallbackGuard(fails)
    assert await guard.locate(Url("a.test")) == "a.test"
    with pytest.raises(ResolutionFailed):
        await guard.check(Url("a.test"))
    assert lookups == 1


async def test_what_is_located_and_never_checked_does_not_add_up() -> None:
    guard = CallbackGuard(Names(addresses(PUBLIC)))
    for number in range(LOCATED_MAX + 10):
        await guard.locate(Url(f"{number}.test"))
    assert len(guard._located) == LOCATED_MAX


# The system's lookup, in threads.


class Lookups:
    """A blocking lookup: names that begin with `hang` wait for `release`."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.running: list[str] = []

    def __call__(self, host: str, _port: int) -> list[Address]:
        self.running.append(host)
        if host.startswith("hang"):
            self.release.wait(10)
        return addresses(PUBLIC)


@pytest.fixture
def lookups() -> Iterator[Lookups]:
    lookups = Lookups()
    yield lookups
    lookups.release.set()


@pytest.fixture
async def resolver(lookups: Lookups) -> AsyncIterator[ThreadResolver]:
    resolver = ThreadResolver(lookups, timeout_s=0.5)
    yield resolver
    resolver.close()


async def test_the_systems_lookup_gives_every_address_of_a_name() -> None:
    resolver = ThreadResolver()
    found = await resolver("localhost", 80)
    assert set(found) <= set(addresses("127.0.0.1", "::1"))
    assert found
    resolver.close()


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
        OSError("x"),
        UnicodeError("label too long"),
        TimeoutError("as the system says it"),
    ],
)
async def test_a_lookup_that_fails_can_be_tried_again(error: Exception) -> None:
    def fails(host: str, port: int) -> list[Address]:
        raise error

    resolver = ThreadResolver(fails)
    with pytest.raises(ResolutionFailed) as failed:
        await resolver("secret-name.test", 80)
    assert failed.value.error_code == "dns_failure"
    assert "secret-name" not in str(failed.value)
    resolver.close()


@pytest.mark.parametrize("host", ["a..test", "a" * 64 + ".test", "x" * 300])
async def test_a_name_that_no_lookup_takes_is_a_failed_lookup(host: str) -> None:
    resolver = ThreadResolver()
    with pytest.raises(ResolutionFailed):
        await CallbackGuard(resolver).check(Url(host))
    resolver.close()


async def test_nobody_waits_for_a_lookup_longer_than_its_deadline(resolver: ThreadResolver) -> None:
    began = time.monotonic()
    with pytest.raises(ResolutionFailed, match=r"within 0\.5 s"):
        await resolver("hang.test", 80)
    assert time.monotonic() - began < 2


async def test_a_name_whose_lookups_hang_leaves_threads_for_all_others(
    resolver: ThreadResolver, lookups: Lookups
) -> None:
    hanging = [asyncio.ensure_future(resolver("hang.test", port)) for port in range(3 * LOOKUPS_MAX)]
    await asyncio.sleep(0)
    assert await resolver("good.test", 80) == addresses(PUBLIC)
    outcomes = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(outcome, ResolutionFailed) for outcome in outcomes)
    assert lookups.running.count("hang.test") == LOOKUPS_PER_ZONE_MAX
    assert await resolver("good.test", 80) == addresses(PUBLIC)


async def test_threads_are_bounded_over_all_names(resolver: ThreadResolver, lookups: Lookups) -> None:
    names = [f"hang{number}.test" for number in range(2 * LOOKUPS_MAX)]
    await asyncio.gather(*(resolver(name, 80) for name in names), return_exceptions=True)
    assert len(lookups.running) == LOOKUPS_UNPROVEN_MAX


async def test_a_name_that_answered_promptly_finds_a_thread_however_many_others_hang(
    resolver: ThreadResolver, lookups: Lookups
) -> None:
    assert await resolver("good.test", 80) == addresses(PUBLIC)
    names = [f"hang{number}.test" for number in range(2 * LOOKUPS_MAX)]
    hanging = [asyncio.ensure_future(resolver(name, 80)) for name in names]
    await asyncio.sleep(0)
    assert await asyncio.gather(*(resolver("good.test", port) for port in range(20))) == [addresses(PUBLIC)] * 20
    await asyncio.gather(*hanging, return_exceptions=True)
    assert len([name for name in lookups.running if name != "good.test"]) == LOOKUPS_UNPROVEN_MAX


async def test_one_owner_of_a_slow_zone_stops_nobody_whatever_names_it_makes_up(
    resolver: ThreadResolver, lookups: Lookups
) -> None:
    names = [f"hang{number}.evil.test" for number in range(200)]
    hanging = [asyncio.ensure_future(resolver(name, 80)) for name in names]
    await asyncio.sleep(0)
    assert await resolver("never-seen.test", 80) == addresses(PUBLIC)
    await asyncio.gather(*hanging, return_exceptions=True)
    assert len([name for name in lookups.running if name != "never-seen.test"]) == LOOKUPS_PER_ZONE_MAX


async def test_hanging_lookups_that_end_give_their_threads_back(resolver: ThreadResolver, lookups: Lookups) -> None:
    names = [f"hang{number}.test" for number in range(LOOKUPS_MAX)]
    await asyncio.gather(*(resolver(name, 80) for name in names), return_exceptions=True)
    with pytest.raises(ResolutionFailed):
        await resolver("good.test", 80)
    lookups.release.set()
    patient = ThreadResolver(lookups)
    assert await patient("good.test", 80) == addresses(PUBLIC)
    assert await asyncio.gather(*(resolver("good.test", port) for port in range(100))) == [addresses(PUBLIC)] * 100
    patient.close()


async def test_many_receivers_at_one_name_wait_for_each_other_and_all_succeed(
    resolver: ThreadResolver, lookups: Lookups
) -> None:
    found = await asyncio.gather(*(resolver("good.test", port) for port in range(50)))
    assert found == [addresses(PUBLIC)] * 50


async def test_a_caller_who_gives_up_does_not_disturb_the_next(resolver: ThreadResolver, lookups: Lookups) -> None:
    waiting = [asyncio.ensure_future(resolver("hang.test", 80)) for _ in range(2 * LOOKUPS_PER_ZONE_MAX)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    lookups.release.set()
    assert await resolver("hang.test", 80) == addresses(PUBLIC)
    assert len(lookups.running) == LOOKUPS_PER_ZONE_MAX + 1


def test_a_hanging_lookup_delays_neither_the_end_of_the_loop_nor_of_the_process() -> None:
    program = """
import asyncio, threading
from src.services.outbound.guard import ResolutionFailed, ThreadResolver
async def main():
    resolver = ThreadResolver(lambda host, port: threading.Event().wait(60), timeout_s=0.05)
    try:
        await resolver("hang.test", 80)
    except ResolutionFailed:
        print("gave up")
asyncio.run(main())
"""
    began = time.monotonic()
    ran = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, timeout=30, check=True)
    assert ran.stdout == b"gave up\n"
    assert ran.stderr == b""
    assert time.monotonic() - began < 10
