"""Who signs for whom: 10,000 messages over three rotations, each verified with what a receiver held at that moment."""

import base64
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from src.errors import CannotOpen, DatabaseAway
from src.services.delivery.signers import KnownSecrets, Scheme, Signers
from src.services.delivery.signing import Signer, Version, new_secret
from src.services.delivery.webhook_secrets import WebhookSecret, public_key_of
from src.services.identity.caller import Owner

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACME = Owner("acme")
UNNAMED = new_secret()
MESSAGES, ROTATIONS = 10_000, 3


class Table:
    """The secrets of accounts, which count how often they are looked up."""

    def __init__(self) -> None:
        self.now = NOW
        self.hears = True
        self.looked_up = 0
        self.failure: Exception | None = None
        self.secrets: dict[str, list[WebhookSecret]] = {}
        self.known = KnownSecrets(lambda: self.hears)
        self.while_looking: Callable[[], None] = lambda: None

    def signers(self, *versions: Version) -> Signers:
        scheme = Scheme(frozenset(versions or Version), [UNNAMED], [b"\1" * 32])
        return Signers(scheme, self.known, self.look_up, lambda: self.now)

    async def look_up(self, accounts: Sequence[str]) -> list[list[WebhookSecret] | CannotOpen]:
        if self.failure:
            raise self.failure
        self.looked_up += 1
        found = [self.secrets.get(account, CannotOpen("It cannot.")) for account in accounts]
        self.while_looking()
        return found

    def rotate(self, overlap: timedelta) -> None:
        """As the statement does: what has an end keeps it."""
        old = [replace(one, expires_at=one.expires_at or self.now + overlap) for one in self.secrets.get("acme", [])]
        new = WebhookSecret(
            secret=new_secret(), signing_key=uuid4().bytes * 2, key_set="set", created_at=self.now, expires_at=None
        )
        self.secrets["acme"] = [new, *(one for one in old if one.expires_at and one.expires_at > self.now)]
        self.known.forget(["acme"])


def verify_v1a(signing_key: bytes, headers: dict[str, str], body: bytes) -> bool:
    public = Ed25519PublicKey.from_public_bytes(public_key_of(signing_key))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for signature in headers["webhook-signature"].split(" "):
        version, _, text = signature.partition(",")
        try:
            if version == "v1a":
                public.verify(base64.b64decode(text), signed)
                return True
        except InvalidSignature:
            continue
    return False


async def test_each_of_10_000_messages_over_3_rotations_verifies_with_what_its_receiver_held(
    record_property: Callable[[str, object], None],
) -> None:
    table = Table()
    table.rotate(timedelta())
    signers, body, wall_s = table.signers(), b'{"type":"report.completed"}', int(time.time())
    held_before: list[WebhookSecret] = []
    verified = verified_v1a = 0
    for number in range(MESSAGES):
        if number and number % (MESSAGES // (ROTATIONS + 1)) == 0:
            held_before = table.secrets["acme"][:1]
            table.rotate(timedelta(hours=24))
        table.now += timedelta(minutes=1)
        headers = (await signers.of(ACME)).headers(f"msg_{number}", wall_s, body)
        # A receiver that has not heard of the rotation yet, within the overlap, or one that has.
        still = [one for one in held_before if table.now < (table.secrets["acme"][-1].expires_at or NOW)]
        for held in (*still, table.secrets["acme"][0]):
            Webhook(held.secret).verify(body, headers)
            verified += 1
            if number % 20 == 0:
                assert verify_v1a(held.signing_key, headers, body)
                verified_v1a += 1

    assert verified > MESSAGES
    assert table.looked_up == ROTATIONS + 1
    record_property(
        "figure", f"signed messages over 3 rotations: {MESSAGES:,}, verified v1 {verified:,}, v1a {verified_v1a:,}"
    )


async def test_a_secret_signs_until_its_overlap_ends_without_being_looked_up_again() -> None:
    table = Table()
    table.rotate(timedelta())
    table.rotate(timedelta(hours=1))
    [new, old], signers = table.secrets["acme"], table.signers(Version.V1)
    counts = []
    for minutes in (0, 59, 60):
        table.now = NOW + timedelta(minutes=minutes)
        headers = (await signers.of(ACME)).headers("msg_1", 1, b"{}")
        counts.append(headers["webhook-signature"].count("v1,"))

    assert counts == [2, 2, 1]
    assert headers == Signer([new.secret]).headers("msg_1", 1, b"{}")
    assert old.expires_at == NOW + timedelta(hours=1)
    assert table.looked_up == 1


async def test_nobody_signs_with_the_secrets_of_another_or_with_none() -> None:
    table = Table()
    signers = table.signers()
    with pytest.raises(CannotOpen):
        await signers.of(ACME)
    table.failure = DatabaseAway("It does not respond.")
    with pytest.raises(DatabaseAway):
        await signers.of(ACME)
    unnamed = await signers.of(Owner())
    of_run = await signers.of(Owner(run_id=uuid4()))

    assert unnamed.headers("msg_1", 1, b"")["webhook-signature"].count(" ") == 1
    assert of_run.headers("msg_1", 1, b"") == Signer([UNNAMED]).headers("msg_1", 1, b"")


async def test_while_changes_are_not_heard_secrets_are_looked_up_each_time() -> None:
    table = Table()
    table.rotate(timedelta())
    table.hears, signers = False, table.signers()
    for _ in range(3):
        await signers.of(ACME)
    table.failure = DatabaseAway("It does not respond.")
    with pytest.raises(DatabaseAway):
        await signers.of(ACME)

    assert table.looked_up == 3


async def test_what_was_looked_up_while_it_changed_is_not_remembered() -> None:
    table = Table()
    table.rotate(timedelta())
    table.while_looking = lambda: table.known.forget(["acme"])
    signers = table.signers()
    await signers.of(ACME)
    table.while_looking = lambda: None
    await signers.of(ACME)
    await signers.of(ACME)

    assert table.looked_up == 2
