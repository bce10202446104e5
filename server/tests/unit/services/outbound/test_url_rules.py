"""The rules for callback URLs by name: what is said of each is so."""

from uuid import uuid4

import pytest
from hypothesis import given

from src.services.identity.caller import Caller
from src.services.outbound.callback_url import CallbackPolicy, parse_origin
from src.services.outbound.url_rules import VOUCHED_FOR, Verdict, evaluate
from tests.support.callback_urls import ACCEPTED, ANY_URLS, REFUSED

STRICT = CallbackPolicy()


def passed(verdict: Verdict) -> dict[str, bool | None]:
    return {check.rule: check.passed for check in verdict.checks}


@pytest.mark.parametrize("raw", [pytest.param(url, id=ascii(url)[:60]) for urls in REFUSED.values() for url in urls])
def test_of_a_url_that_is_refused_one_rule_is_broken_and_the_sentence_is_that_of_the_refusal(raw: str) -> None:
    verdict = evaluate(STRICT, raw)
    broken = [check for check in verdict.checks if check.passed is False]

    assert verdict.url is None
    assert len(broken) == 1
    assert broken[0].why is not None
    assert all(check.why is None for check in verdict.checks if check.passed is not False)


@pytest.mark.parametrize(("raw", "canonical"), ACCEPTED.items())
def test_of_a_url_that_is_allowed_every_rule_is_kept(raw: str, canonical: str) -> None:
    verdict = evaluate(STRICT, raw)

    assert verdict.url is not None
    assert verdict.url.url == canonical
    assert set(passed(verdict).values()) == {True}


#: What each rule alone is broken by, and rules that a URL keeps which breaks several.
BY_HAND = {
    "http://10.0.0.7/": ("public-address", "allowed-port"),
    "http://intranet/": ("public-address", "host"),
    "http://example.com:22/": ("allowed-port", "port"),
    "http://example.com:99999/": ("port", "scheme"),
    "ftp://user@10.0.0.7:22/#x": ("scheme", "characters"),
    "http://exa mple.com/": ("characters", None),
    "http://example.com/#x": ("fragment", "scheme"),
    "http://user@example.com/": ("user-info", "fragment"),
    "http://a..example.com/": ("host", "user-info"),
    f"http://example.com/{'a' * 2048}": ("length", None),
}


@pytest.mark.parametrize(("raw", "expected"), [pytest.param(*pair, id=pair[0][:40]) for pair in BY_HAND.items()])
def test_the_broken_rule_is_named_and_so_is_the_one_before_it(raw: str, expected: tuple[str, str | None]) -> None:
    broken, kept = expected
    found = passed(evaluate(STRICT, raw))

    assert [rule for rule, is_kept in found.items() if is_kept is False] == [broken]
    assert kept is None or found[kept]


@given(ANY_URLS)
def test_nothing_is_called_kept_behind_the_rule_that_is_broken(raw: str) -> None:
    verdict = evaluate(STRICT, raw)
    found = passed(verdict)

    assert (verdict.url is None) == (False in found.values())
    if found["characters"]:
        assert raw.isascii()
    if found["scheme"]:
        assert raw.lower().startswith(("http://", "https://"))
    if found["fragment"]:
        assert "#" not in raw


def test_what_the_operator_decides_names_the_setting() -> None:
    origin = "http://10.0.0.7:22"
    refused = {check.rule: check.setting for check in evaluate(STRICT, f"{origin}/").checks}
    allowed = {
        check.rule: (check.why, check.setting)
        for check in evaluate(CallbackPolicy(frozenset([parse_origin(origin)])), f"{origin}/").checks
    }

    assert refused["allowed-port"] == "CALLBACK_ALLOWED_ORIGINS"
    assert allowed["allowed-port"] == allowed["public-address"] == (VOUCHED_FOR, "CALLBACK_ALLOWED_ORIGINS")


def test_a_load_generator_is_told_that_it_has_a_receiver_of_its_own() -> None:
    found = passed(evaluate(Caller.of_run(uuid4(), "http://127.0.0.1:9001").callback_policy, "http://example.com/"))
    assert [rule for rule, is_kept in found.items() if is_kept is False] == ["own-receiver"]
