"""Callback URLs: what is refused in every spelling, what is let through, and that all readers agree on it."""

import ipaddress
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, find, given
from pydantic import AnyHttpUrl
from yarl import URL

from src.errors import ForbiddenCallbackUrl
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl, parse_origin
from src.services.outbound.guard import forbidden_reason
from tests.support.callback_urls import ACCEPTED, REFUSED, URLS

STRICT = CallbackPolicy()
DEMO = "http://localhost:8000/api/callbacks/receive"


def test_the_table_holds_at_least_150_spellings() -> None:
    spellings = [url for urls in REFUSED.values() for url in urls]
    assert len(spellings) == len(set(spellings)) > 150


@pytest.mark.parametrize(
    ("raw", "rule"), [pytest.param(url, rule, id=ascii(url)[:60]) for rule, urls in REFUSED.items() for url in urls]
)
def test_what_is_not_plainly_public_is_refused_and_the_rule_is_named(raw: str, rule: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl) as refused:
        STRICT.check(raw)
    assert refused.value.rule == rule
    assert refused.value.detail.endswith(".")
    assert refused.value.detail.isascii()


@pytest.mark.parametrize(("raw", "canonical"), ACCEPTED.items())
def test_a_plain_public_url_is_accepted_in_its_canonical_form(raw: str, canonical: str) -> None:
    url = STRICT.check(raw)
    assert url.url == canonical
    assert not url.exempt
    assert STRICT.check(url.url) == url


@pytest.mark.parametrize(
    ("raw", "receiver"),
    [
        ("http://Example.com/a?b", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("http://example.com:443", "http://example.com:443"),
        ("https://[2606:4700:4700::1111]/x", "https://[2606:4700:4700::1111]:443"),
    ],
)
def test_a_receiver_is_scheme_host_and_port_with_the_port_always_given(raw: str, receiver: str) -> None:
    assert STRICT.check(raw).receiver == receiver


def test_the_parts_of_an_address_come_without_brackets() -> None:
    url = STRICT.check("https://[2606:4700:4700::1111]:8443/")
    assert (url.scheme, url.host, url.port) == ("https", "2606:4700:4700::1111", 8443)


def test_a_refusal_never_repeats_the_url() -> None:
    for raw in (
        "http://secret-host.internal/tok3n",
        "http://u:tok3n@secret-host.example/",
        "http://tok3n..secret-host/",
    ):
        with pytest.raises(ForbiddenCallbackUrl) as refused:
            STRICT.check(raw)
        assert "tok3n" not in refused.value.detail
        assert "secret-host" not in refused.value.detail


@pytest.mark.parametrize(
    "raw", ["http://127.0.0.1/", "http://localhost/", "http://example.com:22/", "http://[fd00::1]/"]
)
def test_a_refusal_that_a_setting_could_lift_names_the_setting(raw: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl, match="CALLBACK_ALLOWED_ORIGINS"):
        STRICT.check(raw)


@pytest.mark.parametrize("raw", ["http://127.1/", "ftp://example.com/", "http://a@b.example/", "http://a..b.example/"])
def test_a_refusal_that_no_setting_lifts_names_none(raw: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl) as refused:
        STRICT.check(raw)
    assert "CALLBACK_ALLOWED_ORIGINS" not in refused.value.detail


@pytest.mark.parametrize(
    ("origin", "raw"),
    [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001/hook?x=1"),
        ("http://localhost:9001", "http://LOCALHOST:9001/any/path"),
        ("http://localhost", "http://localhost/"),
        ("http://[::1]:9001", "http://[0:0:0:0:0:0:0:1]:9001/"),
        ("https://receiver:8443", "https://receiver:8443/"),
        ("http://10.0.0.7:25", "http://10.0.0.7:25/"),
        ("http://hooks.internal", "http://hooks.internal:80/"),
    ],
)
def test_an_allowed_origin_is_let_through_wherever_it_leads(origin: str, raw: str) -> None:
    assert CallbackPolicy(frozenset({parse_origin(origin)})).check(raw).exempt


@pytest.mark.parametrize(
    "raw",
    [
        "https://127.0.0.1:9001/",
        "http://127.0.0.1:9002/",
        "http://127.0.0.1/",
        "http://127.0.0.2:9001/",
        "http://localhost:9001/",
        "http://[::1]:9001/",
        "http://127.1:9001/",
        "http://2130706433:9001/",
        "http://127.0.0.1.:9001/",
        "http://user@127.0.0.1:9001/",
        "http://127.0.0.1:9001@127.0.0.2/",
        "http://127.0.0.2/?http://127.0.0.1:9001",
        "http://127.0.0.2/http://127.0.0.1:9001/",
        "http://127.0.0.1:9001#@127.0.0.2/",
    ],
)
def test_an_allowed_origin_opens_nothing_but_itself(raw: str) -> None:
    policy = CallbackPolicy(frozenset({"http://127.0.0.1:9001"}))
    with pytest.raises(ForbiddenCallbackUrl):
        policy.check(raw)


def test_the_demo_receiver_is_allowed_at_its_one_url() -> None:
    url = CallbackPolicy(demo_url=DEMO).check(DEMO)
    assert url.exempt
    assert url.receiver == "http://localhost:8000"


@pytest.mark.parametrize(
    "raw",
    [
        "http://localhost:8000/",
        "http://localhost:8000/api/requests",
        DEMO + "/",
        DEMO + "?x=1",
        DEMO + "/../../requests",
        DEMO + "%2f",
        "http://localhost:8001/api/callbacks/receive",
        "https://localhost:8000/api/callbacks/receive",
        "http://127.0.0.1:8000/api/callbacks/receive",
        "http://localhost:8000/API/callbacks/receive",
    ],
)
def test_every_other_url_of_this_server_is_refused(raw: str) -> None:
    with pytest.raises(ForbiddenCallbackUrl):
        CallbackPolicy(demo_url=DEMO).check(raw)


def test_a_public_server_may_not_be_told_to_call_itself_elsewhere() -> None:
    policy = CallbackPolicy(demo_url="https://reports.example.com/api/callbacks/receive")
    with pytest.raises(ForbiddenCallbackUrl) as refused:
        policy.check("https://reports.example.com/api/requests")
    assert refused.value.rule == "demo-receiver"
    assert not policy.check("https://other.example.com/api/requests").exempt


def test_without_demo_tools_its_url_is_like_any_other() -> None:
    with pytest.raises(ForbiddenCallbackUrl):
        STRICT.check(DEMO)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("HTTP://LocalHost:9001", "http://localhost:9001"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:443", "https://example.com:443"),
        ("http://[0:0::1]:9001", "http://[::1]:9001"),
        ("http://receiver", "http://receiver:80"),
    ],
)
def test_an_origin_of_the_setting_has_one_canonical_form(text: str, origin: str) -> None:
    assert parse_origin(text) == origin
    assert parse_origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "http://*",
        "http://*.example.com",
        "http://127.0.0.1:*",
        "http://127.0.0.1:9001/",
        "http://127.0.0.1:9001/hook",
        "http://127.0.0.1:9001?x",
        "http://127.0.0.1:9001#x",
        "http://user@127.0.0.1:9001",
        "127.0.0.1:9001",
        "localhost",
        "ftp://127.0.0.1",
        "http://127.1:9001",
        "http://127.0.0.0/8",
        "http://localhost.:9001",
        "http://127.0.0.1:0",
        "http://127.0.0.1:70000",
        "http://a, http://b",
        " http://127.0.0.1:9001",
        "http://bücher.example",
        "null",
    ],
)
def test_what_is_not_exactly_an_origin_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"an allowed origin .* write it like http://127\.0\.0\.1:9001"):
        parse_origin(text)


def test_a_policy_takes_only_canonical_origins_and_a_real_demo_url() -> None:
    with pytest.raises(ValueError, match="as parse_origin returns them"):
        CallbackPolicy(frozenset({"https://example.com"}))
    with pytest.raises(ValueError, match="demo receiver"):
        CallbackPolicy(demo_url="http://127.1/")


def test_the_generated_urls_are_not_refused_all() -> None:
    find(URLS, lambda raw: (url := _accepted(raw)) is not None and "?" in url.url and url.port == 8080)
    find(URLS, lambda raw: (url := _accepted(raw)) is not None and ":" in url.host)


def _accepted(raw: str) -> CallbackUrl | None:
    try:
        return STRICT.check(raw)
    except ForbiddenCallbackUrl:
        return None


@given(URLS)
@example("http://example.com/it's?it's")
def test_whatever_is_accepted_means_the_same_to_every_reader(raw: str) -> None:
    url = _accepted(raw)
    if url is None:
        return
    whatwg, ours, dialled, standard = (
        AnyHttpUrl(url.url),
        httpx.URL(url.url),
        URL(url.url, encoded=True),
        urlsplit(url.url),
    )
    default = {"http": 80, "https": 443}[url.scheme]
    # WHATWG escapes an apostrophe in a query; RFC 3986 does not, and the URL is called as it was written.
    path, mark, query = url.url.partition("?")
    assert url.url == str(ours) == str(dialled) == standard.geturl()
    assert str(whatwg) == path + mark + query.replace("'", "%27")
    assert url.scheme == whatwg.scheme == ours.scheme == dialled.scheme == standard.scheme
    assert (
        url.host == (whatwg.host or "").strip("[]") == ours.raw_host.decode() == dialled.raw_host == standard.hostname
    )
    assert url.port == whatwg.port == (ours.port or default) == dialled.port == (standard.port or default)
    assert dialled.raw_path_qs.encode() == ours.raw_path


@given(URLS)
def test_no_accepted_address_would_be_refused_when_it_is_dialled(raw: str) -> None:
    url = _accepted(raw)
    if url is None:
        return
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        assert not url.host.rpartition(".")[2].isdigit()
    else:
        assert forbidden_reason(address) is None


@given(URLS)
def test_the_canonical_form_is_a_fixed_point(raw: str) -> None:
    url = _accepted(raw)
    if url is not None:
        assert _accepted(url.url) == url
        assert len(url.url) <= 2048
        assert url.url.isascii()


@given(URLS)
def test_an_origin_is_never_more_than_scheme_host_and_port(text: str) -> None:
    try:
        origin = parse_origin(text)
    except ValueError:
        return
    assert parse_origin(origin) == origin
    assert not set(text.partition("://")[2]) & set("/?#@\\*%")
    assert CallbackPolicy(frozenset({origin})).check(origin).receiver == origin
