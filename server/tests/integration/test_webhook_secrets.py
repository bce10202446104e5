"""Webhook secrets of accounts: each signs with its own, sees its own, and nothing is sent without them."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from src.errors import NotStarted
from src.services.delivery.signing import Signer
from src.services.identity.key_format import generate_key
from tests.integration.test_the_door import bearer, made, slug
from tests.support.database_state import fetch
from tests.support.databases import run_sql
from tests.support.receivers import Callback, Receiver
from tests.support.service import Service, running_service
from tests.support.waiting import eventually

RunService = Callable[..., AbstractAsyncContextManager[Service]]
BOOTSTRAP = generate_key()
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
CLOSED: dict[str, Any] = {"auth_required": True, "bootstrap_admin_key": BOOTSTRAP, "auth_failure_rate": "off"}


@pytest.fixture
async def closed(run_service: RunService, receiver: Receiver) -> AsyncIterator[Service]:
    """Run the service where keys are required, with both kinds of signatures."""
    settings = {**CLOSED, "secrets_key": (OLD,), "webhook_signatures": "both"}
    async with run_service(**settings, callback_allowed_origins=(receiver.origin,)) as service:
        yield service


async def secrets_of(service: Service, key: str) -> list[str]:
    answer = await service.client.get("/api/webhook-secrets", headers=bearer(key))
    assert answer.status_code == 200, answer.text
    return [one["secret"] for one in answer.json()["secrets"]]


async def rotated(service: Service, key: str, hours: int = 24) -> str:
    body = {"overlap_hours": hours}
    answer = await service.client.post("/api/webhook-secrets/rotate", headers=bearer(key), json=body)
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


async def delivered(service: Service, receiver: Receiver, key: str | None = None) -> Callback:
    count = len(receiver.callbacks)
    await service.submit(receiver.url, bearer(key) if key else None, num_transactions=1)
    await receiver.got(count + 1)
    return receiver.callbacks[count]


def verifies(callback: Callback, *secrets: str) -> list[bool]:
    """Whether a callback verifies with each secret."""
    found = []
    for secret in secrets:
        try:
            Signer([secret]).verify(callback.headers, callback.raw, int(callback.headers["webhook-timestamp"]))
            found.append(True)
        except Exception:  # noqa: BLE001  refused
            found.append(False)
    return found


def versions(callback: Callback) -> list[str]:
    return [one.partition(",")[0] for one in callback.headers["webhook-signature"].split(" ")]


async def test_an_account_signs_with_secrets_of_its_own_which_nobody_else_sees(
    closed: Service, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    acme, other = (
        await made(closed, "submit", "manage", "read"),
        await made(closed, "submit", "manage", account="other"),
    )
    [first] = await secrets_of(closed, acme)
    [others] = await secrets_of(closed, other)
    [operators] = await secrets_of(closed, BOOTSTRAP)
    unnamed = closed.parts.signing_secret
    before = await delivered(closed, receiver, acme)
    new = await rotated(closed, acme)
    both = await delivered(closed, receiver, acme)
    foreign = await delivered(closed, receiver, other)
    shown = await closed.client.get("/api/webhook-secrets", headers=bearer(acme))
    refused = await closed.client.get("/api/webhook-secrets", headers=bearer(await made(closed, "read", "submit")))
    by_hand = await closed.client.get("/api/callbacks/signing-secret", headers=bearer(acme))

    assert len({first, others, operators, unnamed, new}) == 5
    assert shown.headers["cache-control"] == "no-store"
    assert [one["secret"] for one in shown.json()["secrets"]] == [new, first]
    assert [one["expires_at"] is None for one in shown.json()["secrets"]] == [True, False]
    assert verifies(before, first, unnamed, others) == [True, False, False]
    assert verifies(both, new, first, unnamed, others) == [True, True, False, False]
    assert Signer([new, first]).headers(both.headers["webhook-id"], int(both.headers["webhook-timestamp"]), both.raw)[
        "webhook-signature"
    ] == " ".join(both.headers["webhook-signature"].split(" ")[:2])
    assert versions(both) == ["v1", "v1", "v1a", "v1a"]
    assert verifies(foreign, others, first, new) == [True, False, False]
    assert (refused.status_code, slug(refused)) == (403, "scope-missing")
    assert by_hand.json() == {"secret": new}
    assert any("rotated the webhook secret" in record.getMessage() for record in caplog.records)
    assert not any(secret[6:] in record.getMessage() for record in caplog.records for secret in (first, new, others))


async def test_what_is_stored_is_encrypted_and_goes_with_its_account(closed: Service, database_url: str) -> None:
    await made(closed, "read", account="early")  # as the command line makes it
    await eventually(lambda: has_secret(database_url, "early"))
    acme = await made(closed, "manage")
    secrets = [*await secrets_of(closed, acme), await rotated(closed, acme, hours=0), await rotated(closed, acme)]
    rows = await fetch(database_url, "SELECT * FROM webhook_secrets WHERE account = 'acme'")
    raw = [base64.b64decode(secret[6:]) for secret in secrets]
    stored = repr(rows).encode()
    await run_sql(database_url, "DELETE FROM accounts WHERE name = 'acme'")

    assert len(rows) == 2  # the one without an overlap is gone
    assert not any(secret in stored or base64.b64encode(secret) in stored for secret in raw)
    assert await fetch(database_url, "SELECT * FROM webhook_secrets WHERE account = 'acme'") == []


async def has_secret(database_url: str, account: str) -> bool:
    found = await fetch(database_url, "SELECT account FROM webhook_secrets")
    return account in {row["account"] for row in found}


async def test_at_most_five_secrets_sign_at_once(closed: Service) -> None:
    acme = await made(closed, "manage")
    answers = await asyncio.gather(
        *(closed.client.post("/api/webhook-secrets/rotate", headers=bearer(acme)) for _ in range(8))
    )
    statuses = sorted(answer.status_code for answer in answers)
    more = await closed.client.post("/api/webhook-secrets/rotate", headers=bearer(acme), json={"overlap_hours": 0})
    shown = await secrets_of(closed, acme)
    values: list[Any] = [-1, 169, 1.5, "24", None]
    bodies: list[Any] = [*({"overlap_hours": value} for value in values), {"x": 1}, []]
    refused = [
        await closed.client.post("/api/webhook-secrets/rotate", headers=bearer(acme), json=body) for body in bodies
    ]

    assert set(statuses) == {201, 409}
    assert (more.status_code, slug(more)) == (409, "conflict")
    assert len(shown) == len(set(shown)) == 5
    assert {answer.status_code for answer in refused} == {422}


async def test_the_public_keys_of_an_account_verify_v1a_and_are_open_to_everybody(
    closed: Service, receiver: Receiver
) -> None:
    acme = await made(closed, "submit", "manage")
    await rotated(closed, acme)
    url = (await closed.client.get("/api/webhook-secrets", headers=bearer(acme))).json()["public_keys_url"]
    callback = await delivered(closed, receiver, acme)
    path = url.removeprefix(closed.settings.public_base_url)
    answer = await closed.client.get(path)
    head = await closed.client.head(path)
    keys = answer.json()["keys"]
    signatures = [one.split(",")[1] for one in callback.headers["webhook-signature"].split(" ") if one[:4] == "v1a,"]
    headers = callback.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + callback.raw
    for key, signature in zip(keys, signatures, strict=True):
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        public.verify(base64.b64decode(signature), signed)
    unknown = [await closed.client.get(f"/.well-known/webhook-keys/{name}") for name in ("x", "A" * 22, "..%2F")]

    assert (answer.status_code, head.status_code) == (200, 200)
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert "max-age=300" in answer.headers["cache-control"]
    assert [list(key) for key in keys] == [["crv", "kty", "x", "kid", "alg", "use"]] * 2
    assert [answer.status_code for answer in unknown] == [404] * 3
    assert "acme" not in url + answer.text


async def test_the_account_without_a_name_has_public_keys_as_well_which_the_log_names(
    run_service: RunService, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = {"webhook_signatures": "v1a", "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as service:
        callback = await delivered(service, receiver)
        [url] = [one.getMessage().rpartition(" ")[2] for one in caplog.records if "Public keys" in one.getMessage()]
        answer = await service.client.get(url.removeprefix(service.settings.public_base_url))
    [key] = answer.json()["keys"]
    version, _, signature = callback.headers["webhook-signature"].partition(",")
    signed = f"{callback.headers['webhook-id']}.{callback.headers['webhook-timestamp']}.".encode() + callback.raw
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    public.verify(base64.b64decode(signature), signed)

    assert version == "v1a"


async def test_the_demo_receiver_verifies_with_the_secrets_of_the_account_of_the_callback(
    closed: Service, receiver: Receiver
) -> None:
    acme = await made(closed, "submit", "read", "manage")
    callback = await delivered(closed, receiver, acme)
    ping = await closed.client.post(
        "/api/callbacks/check", headers=bearer(acme), json={"callback_url": receiver.url, "ping": True}
    )
    forged = Signer([closed.parts.signing_secret]).headers(
        callback.headers["webhook-id"], int(callback.headers["webhook-timestamp"]), callback.raw
    )
    answers = [
        await closed.client.post("/api/callbacks/receive", headers=headers, content=raw)
        for headers, raw in (
            (signature_of(callback), callback.raw),
            (signature_of(receiver.callbacks[1]), receiver.callbacks[1].raw),
            (forged, callback.raw),
        )
    ]
    history = (await closed.client.get("/api/callbacks/history", headers=bearer(acme))).json()["callbacks"]

    assert ping.json()["ping"]["status"] == 200
    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert [one["signature_valid"] for one in history] == [False, True, True]


def signature_of(callback: Callback) -> dict[str, str]:
    return {name: value for name, value in callback.headers.items() if name.startswith("webhook-")}


async def test_a_server_that_cannot_decrypt_what_is_stored_does_not_start_and_says_why(
    run_service: RunService, database_url: str, tmp_path: Any
) -> None:
    async with run_service(secrets_key=(OLD,)) as first, run_service(secrets_key=(NEW,)):
        pass  # nothing is stored
    async with run_service(secrets_key=(OLD,)) as first:
        acme = await made(first, "manage")
        [secret] = await secrets_of(first, acme)
        with pytest.raises(NotStarted, match="SECRETS_KEY cannot decrypt"):
            async with running_service(database_url, tmp_path / "other", secrets_key=()):  # it makes one
                pass
        async with run_service(secrets_key=(NEW, OLD)) as both:
            assert await secrets_of(both, acme) == [secret]
            assert await both.parts.webhooks.store.reencrypt() == 1
            assert await both.parts.webhooks.store.reencrypt() == 0
        async with run_service(secrets_key=(NEW,)) as second:
            assert await secrets_of(second, acme) == [secret]


async def test_nothing_is_sent_while_the_secrets_of_the_account_cannot_be_had(
    closed: Service, receiver: Receiver, database_url: str
) -> None:
    acme = await made(closed, "submit", "read", "manage")
    await secrets_of(closed, acme)
    [row] = await fetch(database_url, "SELECT sealed FROM webhook_secrets WHERE account = 'acme'")
    await run_sql(database_url, "UPDATE webhook_secrets SET sealed = '\\x00' WHERE account = 'acme'")
    await closed.submit(receiver.url, bearer(acme))

    async def told() -> bool:
        queue = (await closed.client.get("/api/queue", headers=bearer(acme))).json()
        return any("SECRETS_KEY" in (lane["trouble"] or "") for lane in queue["lanes"])

    await eventually(told)
    shown = await closed.client.get("/api/webhook-secrets", headers=bearer(acme))
    before = len(receiver.callbacks)
    await run_sql(
        database_url, f"UPDATE webhook_secrets SET sealed = '\\x{row['sealed'].hex()}'::bytea WHERE account = 'acme'"
    )
    await receiver.got(1)

    assert (before, shown.status_code, slug(shown)) == (0, 503, "unavailable")
    assert verifies(receiver.callbacks[0], *await secrets_of(closed, acme)) == [True]


async def test_of_300_callbacks_over_three_rotations_each_verifies_with_what_its_receiver_held(
    closed: Service, receiver: Receiver, record_property: Callable[[str, object], None]
) -> None:
    acme = await made(closed, "submit", "manage")
    held = await secrets_of(closed, acme)
    batch = {"requests": [{"payload": {"num_transactions": 1}, "callback_url": receiver.url}] * 100}
    ids: list[set[str]] = []
    for _ in range(3):
        answer = await closed.client.post("/api/batch", headers=bearer(acme), json=batch)
        ids.append({f"msg_{one['request_id'].replace('-', '')}" for one in answer.json()["requests"]})
        held.append(await rotated(closed, acme))  # while these are sent
    await receiver.got(300)
    verified = [
        verifies(callback, *held[: number + 1])
        for number, sent in enumerate(ids)
        for callback in receiver.callbacks
        if callback.headers["webhook-id"] in sent
    ]

    assert len(verified) == 300
    assert all(map(all, verified))
    record_property("figure", f"callbacks delivered over 3 rotations: {len(verified)}, all verified")


async def test_two_servers_create_one_first_secret_and_hear_of_each_others_rotations(
    closed: Service, run_service: RunService, receiver: Receiver
) -> None:
    settings = {**CLOSED, "secrets_key": (OLD,), "callback_allowed_origins": (receiver.origin,)}
    async with run_service(**settings) as second:
        keys = [await made(closed, "submit", "manage", account=f"account-{number}") for number in range(5)]
        found = await asyncio.gather(*(secrets_of(server, key) for key in keys for server in (closed, second)))
        acme = keys[0]
        await delivered(closed, receiver, acme)  # it leads, and now knows the secret
        new = await rotated(second, acme, hours=0)

        async def signs_with_the_new_one() -> bool:
            return verifies(await delivered(second, receiver, acme), new) == [True]

        await eventually(signs_with_the_new_one, within_s=1.5)

    assert found[::2] == found[1::2]
    assert [len(secrets) for secrets in found] == [1] * 10


async def test_the_open_mode_signs_as_before_and_shows_no_secrets_of_accounts(
    service: Service, receiver: Receiver
) -> None:
    callback = await delivered(service, receiver)
    answers: list[httpx.Response] = [
        await service.client.get("/api/webhook-secrets"),
        await service.client.post("/api/webhook-secrets/rotate"),
    ]
    shown = await service.client.get("/api/callbacks/signing-secret")

    assert versions(callback) == ["v1"]
    assert verifies(callback, shown.json()["secret"]) == [True]
    assert [(answer.status_code, slug(answer)) for answer in answers] == [(403, "scope-missing")] * 2
