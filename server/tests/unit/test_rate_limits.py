"""Never more than the limit in any window, whoever asks."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from src.config import Settings
from src.routes.callers import caller_of
from src.routes.rate_limits import CALLERS_MAX, BoundedMemoryStorage

WINDOW_S = 60


@given(st.lists(st.floats(0, 20), max_size=200), st.integers(1, 5))
def test_no_window_ever_holds_more_than_the_limit(gaps_s: list[float], limit: int) -> None:
    storage = BoundedMemoryStorage()
    now_s = 1000.0
    storage.now_s = lambda: now_s
    passed: list[float] = []
    for gap_s in gaps_s:
        now_s += gap_s
        if storage.acquire_entry("caller", limit, WINDOW_S):
            passed.append(now_s)

    assert all(later - earlier > WINDOW_S for earlier, later in zip(passed, passed[limit:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(passed))


def test_a_refused_request_does_not_lengthen_the_wait() -> None:
    storage = BoundedMemoryStorage()
    now_s = 0.0
    storage.now_s = lambda: now_s
    assert storage.acquire_entry("caller", 1, WINDOW_S)
    now_s = 30
    assert not storage.acquire_entry("caller", 1, WINDOW_S)
    now_s = 60.001

    assert storage.acquire_entry("caller", 1, WINDOW_S)


def test_memory_is_bounded_and_the_quietest_caller_is_forgotten_first() -> None:
    storage = BoundedMemoryStorage()
    for number in range(CALLERS_MAX + 5):
        storage.acquire_entry(str(number), 1, WINDOW_S)

    assert storage.get("0") == 0
    assert storage.get(str(CALLERS_MAX + 4)) == 1
    assert storage.reset() == CALLERS_MAX


def scope(client: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"type": "http", "client": (client, 1234) if client else None, "headers": headers}


PROXIES = Settings(_env_file=None, trusted_proxies="10.0.0.0/8,::1").trusted_proxies


def test_a_forwarded_address_counts_only_from_a_trusted_proxy() -> None:
    assert caller_of(scope("198.51.100.7", "1.2.3.4"), PROXIES) == "198.51.100.7"
    assert caller_of(scope("10.0.0.1", "1.2.3.4"), PROXIES) == "1.2.3.4"
    assert caller_of(scope("127.0.0.1", "1.2.3.4"), ()) == "127.0.0.1"


def test_addresses_a_caller_wrote_before_the_proxy_did_do_not_count() -> None:
    assert caller_of(scope("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9"), PROXIES) == "1.2.3.4"
    assert caller_of(scope("10.0.0.1", "6.6.6.6", "1.2.3.4"), PROXIES) == "1.2.3.4"
    assert caller_of(scope("10.0.0.1", "garbage"), PROXIES) == "10.0.0.1"
    assert caller_of(scope("10.0.0.1", ""), PROXIES) == "10.0.0.1"


def test_the_addresses_of_one_ipv6_network_are_one_caller() -> None:
    assert caller_of(scope("2001:db8:1:2::1"), ()) == caller_of(scope("2001:db8:1:2:ffff::9"), ())
    assert caller_of(scope("2001:db8:1:2::1"), ()) != caller_of(scope("2001:db8:1:3::1"), ())
    assert caller_of(scope("::ffff:1.2.3.4"), ()) == "1.2.3.4"


def test_somebody_without_an_address_is_one_caller() -> None:
    assert caller_of(scope(None), ()) == caller_of(scope("a unix socket"), ()) == "unknown"
