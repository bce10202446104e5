"""Never more than the limit in any window, whoever asks."""

import random
from itertools import pairwise
from operator import attrgetter
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Scope

from src.app import create_app
from src.config import Settings
from src.routes.http.callers import caller_of
from src.routes.middleware.rate_limits import RateLimits
from src.routes.middleware.rate_storage import CALLERS_MAX, BoundedMemoryStorage
from src.services.identity.caller import Limits

WINDOW_S = 60


@given(st.lists(st.floats(0, 20), max_size=200), st.integers(1, 5))
def test_no_window_ever_holds_more_than_the_limit(gaps_s: list[float], limit: int) -> None:
    now_s = 1000.0
    storage = BoundedMemoryStorage(now_s=lambda: now_s)
    passed: list[float] = []
    for gap_s in gaps_s:
        now_s += gap_s
        if storage.acquire_entry("caller", limit, WINDOW_S):
            passed.append(now_s)

    assert all(later - earlier > WINDOW_S for earlier, later in zip(passed, passed[limit:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(passed))


#: Gaps as an attacker would choose them: bursts, drips, and just before or at the end of a window.
GAPS_S = [*[0.0] * 11, 0.25, 0.5, 1, 2, 29.75, 59, 59.75, 60, 60.25, 61]


@pytest.mark.parametrize("limit", [30, 60])
@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_exactly_the_limit_passes_in_any_window_and_the_wait_that_is_told_is_enough(limit: int, seed: int) -> None:
    dice = random.Random(seed)
    now_s = 1000.0
    limits = RateLimits({"/path": f"{limit}/minute"}, now_s=lambda: now_s)
    passed: dict[str, list[float]] = {"a": [], "b": []}
    for caller in dice.choices("aaab", k=250):
        now_s += dice.choice(GAPS_S)
        in_window = len([at_s for at_s in passed[caller] if at_s >= now_s - WINDOW_S])
        allowance = limits.hit("/path", caller)
        assert allowance is not None
        # Neither more nor fewer: it passes exactly when the window has room.
        assert allowance.allowed == (in_window < limit)
        assert allowance.remaining == max(0, limit - in_window - 1)
        if allowance.allowed:
            passed[caller].append(now_s)
        else:
            # Alone at that moment, whoever waits as long as was told (and an instant more) passes.
            oldest_s = passed[caller][-limit]
            assert now_s + allowance.reset_after_s >= oldest_s + WINDOW_S
            assert allowance.reset_after_s <= WINDOW_S


async def test_inventing_forwarded_addresses_does_not_go_around_a_limit() -> None:
    assert await statuses() == [415, 415, 429, 429, 429]
    assert await statuses(trusted_proxies="127.0.0.1") == [415] * 5
    assert await statuses(trusted_proxies="10.0.0.0/8") == [415, 415, 429, 429, 429]


async def statuses(**chosen: Any) -> list[int]:
    """Ask five times, each time as if for somebody else."""
    app = create_app(Settings(_env_file=None, rate_limit_sync="2/minute", **chosen))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        forwarded = [
            {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"} for number in range(5)
        ]
        return [(await client.post("/api/sync", headers=headers)).status_code for headers in forwarded]


def test_a_refused_request_does_not_lengthen_the_wait() -> None:
    now_s = 0.0
    storage = BoundedMemoryStorage(now_s=lambda: now_s)
    assert storage.acquire_entry("caller", 1, WINDOW_S)
    now_s = 30
    assert not storage.acquire_entry("caller", 1, WINDOW_S)
    now_s = 60.001

    assert storage.acquire_entry("caller", 1, WINDOW_S)


def test_memory_is_bounded_and_the_quietest_caller_is_forgotten_first() -> None:
    storage = BoundedMemoryStorage()
    for number in range(CALLERS_MAX + 5):
        storage.acquire_entry(str(number), 1, WINDOW_S)

    assert storage.get_moving_window("0", 1, WINDOW_S)[1] == 0
    assert storage.get_moving_window(str(CALLERS_MAX + 4), 1, WINDOW_S)[1] == 1
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


def test_a_changed_limit_goes_on_counting_where_the_old_one_ended() -> None:
    now_s = 1000.0
    own = {"/path": attrgetter("rate_limit_sync")}
    limits = RateLimits({"/path": "off", "/other": "1/minute"}, {"/alike/{id}": "/path"}, own, now_s=lambda: now_s)

    def passes(rate: str | None, path: str = "/path") -> bool | None:
        left = limits.hit(path, "caller", limits=Limits(rate_limit_sync=rate))
        return None if left is None else left.allowed

    assert [passes(None), passes("off")] == [None, None]
    assert [passes("3/minute"), passes("3/minute"), passes("2/minute"), passes("2/hour", "/alike/x")] == [
        True,
        True,
        False,
        False,
    ]
    assert [passes("4/minute", "/alike/x"), passes("4/second"), passes("4/minute")] == [True, True, False]
    lowered = limits.hit("/path", "caller", limits=Limits(rate_limit_sync="1/minute"))
    now_s += 61
    assert lowered is not None
    assert (lowered.remaining, lowered.reset_after_s) == (0, 60)
    assert passes("1/minute")
