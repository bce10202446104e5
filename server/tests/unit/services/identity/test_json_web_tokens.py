"""Tokens of an issuer: which are good, and that nothing else ever is."""

import asyncio
import base64
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import Key, OctKey

from src.errors import IssuerAway
from src.services.identity.caller import Scope
from src.services.identity.issuer_keys import (
    FETCHED_EVERY_S,
    FIRST_FETCHED_EVERY_S,
    KEYS_KEPT_S,
    IssuerKeys,
)
from src.services.identity.json_web_tokens import ALGORITHMS, CLOCK_SKEW_S, JsonWebTokens
from src.services.identity.tokens import TokenInvalid, TokenRules
from src.services.outbound.documents import NoDocument
from tests.support.issuer import AUDIENCE, ISSUER, claims, jwk_set, new_key, token

RULES = TokenRules(
    issuer=ISSUER,
    audience=AUDIENCE,
    account_claim="sub",
    account_prefix="",
    scopes=frozenset({Scope.READ, Scope.SUBMIT, Scope.MANAGE}),
)
KEYS = {alg: new_key(alg, f"key of {alg}") for alg in ALGORITHMS}
STRANGER = new_key("ES256", "key of ES256")
SECRET = OctKey.import_key(b"a secret that the issuer shares with nobody", {"kid": "shared"})


class FakeIssuer:
    """What a fetch answers, and when."""

    def __init__(self, document: bytes) -> None:
        self.document: bytes | None = document
        self.fetches = 0
        self.now_s = 1000.0

    async def fetch(self) -> bytes:
        self.fetches += 1
        if self.document is None:
            raise NoDocument("ConnectError")
        return self.document

    def keys(self) -> IssuerKeys:
        return IssuerKeys(self.fetch, lambda: self.now_s)


@pytest.fixture
def issuer() -> FakeIssuer:
    return FakeIssuer(jwk_set(*KEYS.values()))


@pytest.fixture
def tokens(issuer: FakeIssuer) -> JsonWebTokens:
    return JsonWebTokens(RULES, issuer.keys(), lambda: datetime.now(UTC))


def unsigned(header: dict[str, Any], signature: bytes = b"") -> bytes:
    parts = (orjson.dumps(header), orjson.dumps(claims()), signature)
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_token_of_the_issuer_names_an_account_and_scopes(tokens: JsonWebTokens, alg: str) -> None:
    for _ in range(2):  # the second is remembered
        read = await tokens.read(token(KEYS[alg], alg, scope="read admin submit nonsense").encode())

        assert (read.account, set(read.scopes)) == ("acme", {Scope.READ, Scope.SUBMIT})
        assert abs(read.expires_at.timestamp() - time.time() - 600) < 5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"scope": None, "scp": ["read", 7, "manage"]}, {Scope.READ, Scope.MANAGE}),
        ({"scope": None}, set()),
        ({"scope": ["read"]}, set()),
        ({"scope": "READ read"}, {Scope.READ}),
    ],
)
async def test_scopes_are_a_text_or_a_list(tokens: JsonWebTokens, given: dict[str, Any], expected: set[Scope]) -> None:
    assert (await tokens.read(token(KEYS["ES256"], "ES256", **given).encode())).scopes == expected


@dataclass(frozen=True)
class In:
    """A moment, by the seconds from when a test runs to it: that may be long after the test was collected."""

    seconds: float


def at_this_moment(claims: dict[str, Any]) -> dict[str, Any]:
    """Put times in the place of moments: whole seconds, unless a part of one was asked for."""
    now_s = int(time.time())
    return {name: now_s + value.seconds if isinstance(value, In) else value for name, value in claims.items()}


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["somebody else", AUDIENCE]},
        {"exp": In(30 - CLOCK_SKEW_S)},
        {"nbf": In(CLOCK_SKEW_S - 30)},
        {"exp": 10**15},
        {"exp": In(60.5)},
    ],
    ids=str,
)
async def test_claims_that_are_good(tokens: JsonWebTokens, changed: dict[str, Any]) -> None:
    assert (await tokens.read(token(KEYS["ES256"], "ES256", **at_this_moment(changed)).encode())).account == "acme"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"exp": In(-CLOCK_SKEW_S - 5)},
        {"exp": "never"},
        {"exp": True},
        {"nbf": In(CLOCK_SKEW_S + 30)},
        {"iat": In(CLOCK_SKEW_S + 30)},
        {"iss": None},
        {"iss": ISSUER.rstrip("/")},
        {"iss": [ISSUER]},
        {"aud": None},
        {"aud": "somebody else"},
        {"aud": ["somebody else"]},
        {"aud": {"value": AUDIENCE}},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a b"},
        {"sub": "ä"},
        {"sub": "a" * 101},
    ],
    ids=str,
)
async def test_claims_that_are_refused(tokens: JsonWebTokens, changed: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid) as refused:
        await tokens.read(token(KEYS["ES256"], "ES256", **at_this_moment(changed)).encode())
    assert str(refused.value).endswith(".")


def _by_public_key() -> bytes:
    """Sign with the public key, which everybody has, as if it were a secret."""
    head = unsigned({"alg": "HS256", "kid": "key of RS256"}).rpartition(b".")[0]
    public: bytes = KEYS["RS256"].as_pem(private=False)  # type: ignore[union-attr]
    signature = hmac.digest(public, head, "sha256")
    return head + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")


def _renamed(key: Key, alg: str, kid: str) -> str:
    return token(key, alg, {"kid": kid})


FORGED: dict[str, Callable[[], str | bytes]] = {
    "not signed": lambda: unsigned({"alg": "none", "kid": "key of RS256"}),
    "not signed, in other letters": lambda: unsigned({"alg": "nOnE", "kid": "key of RS256"}),
    "no signature": lambda: unsigned({"alg": "ES256", "kid": "key of ES256"}),
    "by another's key of this name": lambda: token(STRANGER, "ES256"),
    "by a key that it carries": lambda: token(STRANGER, "ES256", {"jwk": STRANGER.as_dict(private=False)}),
    "by a key that it points to": lambda: token(STRANGER, "ES256", {"jku": "https://thief.test/jwks.json"}),
    "by a key that nobody knows": lambda: token(new_key("ES256", "unknown"), "ES256"),
    "with the public key as a secret": _by_public_key,
    "with a shared secret": lambda: token(SECRET, "HS256"),
    "another type of key": lambda: _renamed(KEYS["ES256"], "ES256", "key of RS256"),
    "an extension": lambda: token(KEYS["ES256"], "ES256", {"crit": ["exp"], "exp": 1}),
    "an unencoded payload": lambda: token(KEYS["ES256"], "ES256", {"crit": ["b64"], "b64": True}),
    "a number for a key": lambda: unsigned({"alg": "ES256", "kid": 7}),
    "a long name for a key": lambda: unsigned({"alg": "ES256", "kid": "k" * 257}),
    "a header that is a list": lambda: base64.urlsafe_b64encode(b'["alg"]').rstrip(b"=") + b".e30.e30",
    "a deep header": lambda: base64.urlsafe_b64encode(b"[" * 3000).rstrip(b"=") + b".e30.e30",
    "a long header": lambda: base64.urlsafe_b64encode(b" " * 6000 + b"{}").rstrip(b"=") + b".e30.e30",
    "encrypted": lambda: "e30.e30.e30.e30.e30",
    "two parts": lambda: "e30.e30",
    "no part": lambda: "a key",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_is_refused(tokens: JsonWebTokens, forged: Callable[[], str | bytes]) -> None:
    made = forged()
    with pytest.raises(TokenInvalid):
        await tokens.read(made.encode() if isinstance(made, str) else made)


async def test_each_changed_character_of_a_token_is_noticed(tokens: JsonWebTokens) -> None:
    good = token(KEYS["EdDSA"], "EdDSA").encode()
    for at in range(len(good) - 1):  # the last has bits that mean nothing
        changed = good[:at] + (b"A" if good[at : at + 1] != b"A" else b"B") + good[at + 1 :]
        with pytest.raises(TokenInvalid):
            await tokens.read(changed)


@given(st.binary(max_size=200) | st.from_regex(rb"\A[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\Z"))
async def test_nothing_else_is_a_token(sent: bytes) -> None:
    tokens = JsonWebTokens(RULES, FakeIssuer(jwk_set(*KEYS.values())).keys(), lambda: datetime.now(UTC))
    with pytest.raises(TokenInvalid):
        await tokens.read(sent)


async def test_a_prefix_keeps_accounts_of_tokens_apart(issuer: FakeIssuer) -> None:
    rules = replace(RULES, account_prefix="sso:", account_claim="org")
    tokens = JsonWebTokens(rules, issuer.keys(), lambda: datetime.now(UTC))

    assert (await tokens.read(token(KEYS["ES256"], "ES256", org="acme").encode())).account == "sso:acme"
    with pytest.raises(TokenInvalid, match="org"):
        await tokens.read(token(KEYS["ES256"], "ES256").encode())


@pytest.mark.parametrize(
    "member",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"alg": "PS256"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"n": "AQAB"},
        {"n": None},
        {"kid": 7},
    ],
    ids=str,
)
async def test_a_key_for_something_else_checks_no_token(member: dict[str, Any]) -> None:
    key = KEYS["RS256"]
    other = FakeIssuer(orjson.dumps({"keys": [{**key.as_dict(private=False), **member}, "none", 7]}))
    tokens = JsonWebTokens(RULES, other.keys(), lambda: datetime.now(UTC))

    with pytest.raises(TokenInvalid):
        await tokens.read(token(key, "RS256").encode())


async def test_a_token_that_names_no_key_is_good_where_there_is_one_alone() -> None:
    key = new_key("ES256", None)
    for document, is_good in ((jwk_set(key), True), (jwk_set(key, STRANGER), False)):
        tokens = JsonWebTokens(RULES, FakeIssuer(document).keys(), lambda: datetime.now(UTC))
        if is_good:
            assert (await tokens.read(token(key, "ES256").encode())).account == "acme"
        else:
            with pytest.raises(TokenInvalid):
                await tokens.read(token(key, "ES256").encode())


async def test_unknown_keys_make_the_server_ask_once_in_30_seconds(issuer: FakeIssuer) -> None:
    keys = issuer.keys()
    await keys.find("key of ES256", "ES256")
    issuer.now_s += FETCHED_EVERY_S
    for n in range(1000):
        assert await keys.find(f"guess {n}", "ES256") is None
        issuer.now_s += 29 / 1000

    assert issuer.fetches == 2


async def test_a_new_key_is_found_and_one_that_is_gone_is_refused(issuer: FakeIssuer) -> None:
    tokens = JsonWebTokens(RULES, issuer.keys(), lambda: datetime.now(UTC))
    old, new = token(KEYS["ES256"], "ES256").encode(), new_key("ES256", "new")
    await tokens.read(old)
    issuer.document = jwk_set(new)
    issuer.now_s += FETCHED_EVERY_S

    assert (await tokens.read(token(new, "ES256").encode())).account == "acme"
    with pytest.raises(TokenInvalid):
        await tokens.read(old)  # although it was checked before


async def test_a_key_that_the_issuer_withdrew_is_good_for_ten_minutes_at_most(issuer: FakeIssuer) -> None:
    tokens = JsonWebTokens(RULES, issuer.keys(), lambda: datetime.now(UTC))
    known = token(KEYS["ES256"], "ES256").encode()
    await tokens.read(known)
    issuer.document = jwk_set(KEYS["EdDSA"])
    issuer.now_s += KEYS_KEPT_S - 1
    await tokens.read(known)
    issuer.now_s += 2

    with pytest.raises(TokenInvalid):
        await tokens.read(known)  # nobody sent one of an unknown key meanwhile


async def test_keys_stay_good_while_the_issuer_is_away(issuer: FakeIssuer) -> None:
    keys = issuer.keys()
    assert await keys.find("key of ES256", "ES256") is not None
    document, issuer.document = issuer.document, None
    issuer.now_s += KEYS_KEPT_S + 1
    for _ in range(100):
        assert await keys.find("key of ES256", "ES256") is not None
    assert issuer.fetches == 2

    issuer.document = document
    issuer.now_s += FETCHED_EVERY_S
    assert await keys.find("key of ES256", "ES256") is not None
    assert issuer.fetches == 3


@pytest.mark.parametrize("document", [None, b"", b"[]", b"{}", b'{"keys": 7}', b'{"keys": [' + b"{}," * 100 + b"{}]}"])
async def test_without_any_keys_nobody_can_say(document: bytes | None) -> None:
    issuer = FakeIssuer(b"")
    issuer.document = document
    keys = issuer.keys()
    for _ in range(10):
        with pytest.raises(IssuerAway) as away:
            await keys.find("key of ES256", "ES256")
        assert away.value.retry_after_s == FIRST_FETCHED_EVERY_S
    assert issuer.fetches == 1

    issuer.document = jwk_set(*KEYS.values())
    issuer.now_s += FIRST_FETCHED_EVERY_S
    assert await keys.find("key of ES256", "ES256") is not None


async def test_one_call_alone_waits_for_a_slow_issuer(issuer: FakeIssuer) -> None:
    slow = asyncio.Event()

    async def fetch() -> bytes:
        if issuer.fetches:
            await slow.wait()
        return await issuer.fetch()

    keys = IssuerKeys(fetch, lambda: issuer.now_s)
    await keys.find("key of ES256", "ES256")
    issuer.now_s += KEYS_KEPT_S + 1
    waiting = [asyncio.create_task(keys.find("key of ES256", "ES256")) for _ in range(100)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sum(not task.done() for task in waiting) == 1

    slow.set()
    assert None not in await asyncio.gather(*waiting)
    assert issuer.fetches == 2


async def test_an_issuer_that_never_answers_is_given_up(issuer: FakeIssuer) -> None:
    keys = IssuerKeys(asyncio.Event().wait, lambda: issuer.now_s, timeout_s=0.01)  # type: ignore[arg-type]

    with pytest.raises(IssuerAway):
        await keys.find("key of ES256", "ES256")
