"""Access tokens of an issuer, at the door of a running service; the issuer is a process of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from joserfc.jwk import Key

from src.services.identity.key_format import generate_key
from tests.support.databases import run_sql
from tests.support.issuer import Issuer, new_key, running_issuer, token
from tests.support.service import Service
from tests.support.waiting import eventually

Run = Callable[..., AbstractAsyncContextManager[Service]]
KEY = new_key("ES256", "one")
OPERATOR_KEY = generate_key()
OPERATOR = {"authorization": f"Bearer {OPERATOR_KEY}"}


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[Issuer]:
    with running_issuer(tmp_path, KEY) as running:
        yield running


@pytest.fixture
async def closed(run_service: Run, issuer: Issuer) -> AsyncIterator[Service]:
    """Run a service that asks for credentials and trusts the issuer."""
    async with run_service(
        auth_required=True, auth_failure_rate="off", bootstrap_admin_key=OPERATOR_KEY, **issuer.settings
    ) as service:
        yield service


def bearing(key: Key = KEY, alg: str = "ES256", **changed: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {token(key, alg, **changed)}"}


async def test_a_token_is_a_credential_of_its_account(closed: Service, issuer: Issuer) -> None:
    acme = bearing()
    me = (await closed.client.get("/api/me", headers=acme)).json()
    assert (me["account"], sorted(me["scopes"]), me["key_id"]) == ("acme", ["read", "submit"], None)
    assert me["expires_at"] is not None

    body = {"payload": {"num_transactions": 5}}
    accepted = await closed.client.post("/api/async", json=body, headers=acme)
    assert accepted.status_code == 202
    path = f"/api/requests/{accepted.json()['request_id']}"
    statuses = {
        name: (await closed.client.get(path, headers=headers)).status_code
        for name, headers in {"own": acme, "other": bearing(sub="other"), "operator": OPERATOR, "none": {}}.items()
    }
    assert statuses == {"own": 200, "other": 404, "operator": 200, "none": 401}

    missing = await closed.client.post("/api/keys", json={"name": "k", "scopes": ["read"]}, headers=acme)
    assert (missing.status_code, missing.json()["scope"]) == (403, "manage")
    assert issuer.fetched == 1


async def test_keys_and_tokens_of_an_account_are_one_caller(closed: Service) -> None:
    made = await closed.client.post(
        "/api/keys", json={"name": "ci", "account": "acme", "scopes": ["read"]}, headers=OPERATOR
    )
    key = {"authorization": f"Bearer {made.json()['key']}"}
    await closed.client.put("/api/accounts/acme", json={"rate_limit_async": "3/day"}, headers=OPERATOR)
    body = {"payload": {"num_transactions": 5}}

    async def used() -> bool:
        limits = (await closed.client.get("/api/me", headers=key)).json()["limits"]
        return bool(limits["async"]["limit"] == 3)

    await eventually(used)
    assert (await closed.client.post("/api/async", json=body, headers=bearing())).status_code == 202
    of_both = [(await closed.client.get("/api/me", headers=who)).json()["limits"] for who in (key, bearing())]
    assert [limits["async"]["remaining"] for limits in of_both] == [2, 2]


async def test_a_key_made_by_a_token_gets_no_more_than_it_has(closed: Service) -> None:
    acme = bearing(scope="manage read")
    wanted = {"name": "ci", "scopes": ["read"]}
    made = await closed.client.post("/api/keys", json=wanted, headers=acme)
    more = await closed.client.post("/api/keys", json={**wanted, "scopes": ["submit"]}, headers=acme)
    longer = await closed.client.post("/api/keys", json={**wanted, "expires_at": "2999-01-01T00:00:00Z"}, headers=acme)

    assert (made.status_code, more.status_code, longer.status_code) == (201, 403, 403)
    assert made.json()["expires_at"] is not None


async def test_what_is_refused_says_why_and_nothing_of_the_token(closed: Service) -> None:
    refused = {
        "expired": (bearing(exp=int(time.time()) - 100), "token-invalid"),
        "unknown key": (bearing(new_key("ES256", "two")), "token-invalid"),
        "neither": ({"authorization": "Bearer something"}, "token-invalid"),
        "a broken key": ({"authorization": f"Bearer {OPERATOR_KEY[:-1]}"}, "key-malformed"),
        "too long": ({"authorization": "Bearer " + "a" * 8_193}, "key-malformed"),
    }
    for headers, slug in refused.values():
        answer = await closed.client.get("/api/requests", headers=headers)

        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (401, slug)
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert headers["authorization"][7:] not in answer.text


async def test_a_disabled_account_ends_its_tokens_and_what_they_opened(closed: Service) -> None:
    acme = bearing()
    ticket = (await closed.client.post("/api/ws/tickets", headers=acme)).json()["ticket"]
    caller = await closed.parts.identity.authenticator.redeem(ticket)
    assert caller is not None
    assert (caller.owner.account, caller.key_id) == ("acme", None)
    stream = asyncio.create_task(closed.parts.identity.sessions.until_refused(caller))
    other = asyncio.create_task(
        closed.parts.identity.sessions.until_refused(
            await closed.parts.identity.authenticator.identify(token(KEY, "ES256", sub="other").encode())
        )
    )

    disabled = await closed.client.put("/api/accounts/acme", json={"disabled": True}, headers=OPERATOR)
    assert disabled.status_code == 200
    async with asyncio.timeout(1):
        await stream
    answer = await closed.client.get("/api/requests", headers=acme)
    assert (answer.status_code, answer.json()["detail"]) == (401, "The account of the token is disabled.")
    assert not other.done()
    other.cancel()


async def test_a_stream_ends_with_its_token(closed: Service) -> None:
    # Accepted for 60 s beyond its end: one second of that is left.
    ending = token(KEY, "ES256", exp=int(time.time()) - 58)
    caller = await closed.parts.identity.authenticator.identify(ending.encode())

    async with asyncio.timeout(4):
        await closed.parts.identity.sessions.until_refused(caller)


async def test_a_known_token_costs_no_query(closed: Service) -> None:
    """The table of accounts is away, so a query would fail."""
    acme = bearing()

    async def all_work() -> bool:
        try:
            return {(await closed.client.get("/api/settings", headers=acme)).status_code for _ in range(20)} == {200}
        except asyncpg.UndefinedTableError:  # for a moment the server heard of no change, and asked
            return False

    await eventually(all_work)
    await run_sql(closed.settings.database_url, "ALTER TABLE accounts RENAME TO elsewhere")
    await eventually(all_work)


async def test_an_issuer_that_is_away_is_not_the_fault_of_the_caller(run_service: Run, issuer: Issuer) -> None:
    away = {**issuer.settings, "jwt_jwks_url": "http://127.0.0.1:1/jwks.json"}
    async with run_service(auth_required=True, bootstrap_admin_key=OPERATOR_KEY, **away) as service:
        for _ in range(3):
            answer = await service.client.get("/api/requests", headers=bearing())
            assert answer.status_code == 503
            assert 1 <= int(answer.headers["retry-after"]) <= 5
        assert (await service.client.get("/api/requests", headers=OPERATOR)).status_code == 200


async def test_keys_of_the_issuer_are_rotated_without_a_break(closed: Service, issuer: Issuer) -> None:
    assert (await closed.client.get("/api/me", headers=bearing())).status_code == 200
    new = new_key("EdDSA", "two")
    issuer.publish(KEY, new)

    # The set was fetched a moment ago: the unknown key waits for its turn, the known one goes on.
    assert (await closed.client.get("/api/me", headers=bearing(new, "EdDSA"))).status_code == 401
    assert (await closed.client.get("/api/me", headers=bearing())).status_code == 200
    assert issuer.fetched == 1
