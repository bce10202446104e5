"""A caller behind trusted proxies is named by the address they forward, in each of the forms in use."""

import logging

import pytest
from starlette.types import Scope

from src.config import Settings
from src.routes.http.callers import PROXIES_WARNED_OF_MAX, _warn_once_of, caller_of

PROXIES = Settings(_env_file=None, trusted_proxies="10.0.0.0/8,2001:db8:ffff::/48").trusted_proxies
PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def _nobody_was_warned_of() -> None:
    _warn_once_of.cache_clear()


def caller(*forwarded: str, peer: str = PROXY) -> str:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope: Scope = {"type": "http", "client": (peer, 1234), "headers": headers}
    return caller_of(scope, PROXIES)


@pytest.mark.parametrize(
    ("forwarded", "name"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("8.8.8.8:51234", "8.8.8.8"),
        ("8.8.8.8:_port", "8.8.8.8"),
        ('"8.8.8.8:51234"', "8.8.8.8"),
        ("2001:db8::5", "2001:db8::/64"),
        ("[2001:db8::5]", "2001:db8::/64"),
        ("[2001:db8::5]:443", "2001:db8::/64"),
        ('"[2001:db8::5]"', "2001:db8::/64"),
        ('"[2001:db8::5]:443"', "2001:db8::/64"),
        ("[::ffff:8.8.8.8]:443", "8.8.8.8"),
        ("[fe80::1%25eth0]:443", "fe80::/64"),
        # What a caller wrote stands before what the proxy wrote.
        ("6.6.6.6:1, 8.8.8.8:51234", "8.8.8.8"),
        ("unknown, 8.8.8.8:51234", "8.8.8.8"),
        ('"6.6.6.6, 8.8.8.8:51234', "8.8.8.8"),
        # A further trusted proxy.
        ("8.8.8.8:51234, 10.9.9.9:443", "8.8.8.8"),
        ("8.8.8.8:51234, [2001:db8:ffff::1]:443", "8.8.8.8"),
    ],
)
def test_ports_brackets_and_quotes_around_a_forwarded_address_do_not_matter(
    forwarded: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert caller(forwarded) == name
    assert caplog.records == []


@pytest.mark.parametrize(
    "forwarded",
    ["unknown", "_hidden", "8.8.8.8, unknown", "8.8.8.8, _hidden:80", "garbage", "", "8.8.8.8,", "8.8.8.8:",
     "8.8.8.8:x", "8.8.8.8:123456", "[8.8.8.8]:1:2", "[2001:db8::5", "2001:db8::5]:443", "999.8.8.8:80", '"', '""',
     "for=8.8.8.8", "1.2.3.4 5.6.7.8", "unix:", "\xb2.8.8.8:80"],
)  # fmt: skip
def test_a_proxy_that_names_nobody_is_the_caller_itself_and_the_log_says_so_once(
    forwarded: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert [caller(forwarded), caller(forwarded)] == [PROXY, PROXY]

    assert [record.getMessage() for record in caplog.records] == [
        f"{PROXY} forwards requests without a valid client address: their callers count as one."
    ]


def test_a_proxy_behind_another_that_names_nobody_is_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    assert caller("8.8.8.8, unknown, 10.9.9.9:443") == "10.9.9.9"
    assert "10.9.9.9 forwards" in caplog.text


def test_a_proxys_own_request_is_the_proxys_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert caller() == PROXY
    assert caplog.records == []


def test_what_somebody_else_forwards_is_not_looked_at(caplog: pytest.LogCaptureFixture) -> None:
    assert caller("8.8.8.8:51234", peer="198.51.100.7") == "198.51.100.7"
    assert caller("unknown", peer="198.51.100.7") == "198.51.100.7"
    assert caplog.records == []


def test_many_proxies_that_name_nobody_fill_no_memory() -> None:
    for number in range(PROXIES_WARNED_OF_MAX * 2):
        caller("unknown", peer=f"10.1.{number // 256}.{number % 256}")

    assert _warn_once_of.cache_info().currsize == PROXIES_WARNED_OF_MAX
