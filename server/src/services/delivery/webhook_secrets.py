"""The webhook secrets of named accounts: the only reader and writer of their table."""

import base64
import secrets as random_secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from src.errors import CannotOpen, Conflict, NotStarted
from src.services.delivery import secret_statements as statements
from src.services.delivery.signing import NEW_SECRET_BYTES, SECRET_PREFIX, SIGNING_KEY_BYTES
from src.services.identity.secrets_at_rest import SecretKeys

#: Secrets of an account that sign at once: more signatures would not help a receiver.
ALIVE_MAX = 5
#: Rows encrypted again by one statement.
SEALED_TOGETHER_MAX = 500
SET_NAME_BYTES = 16

Fetch = Callable[..., Awaitable[Sequence[asyncpg.Record]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """A secret, with the Ed25519 key that was made with it."""

    #: `whsec_…`.
    secret: str = field(repr=False)
    signing_key: bytes = field(repr=False)
    key_set: str
    created_at: datetime
    #: None: until it is rotated.
    expires_at: datetime | None


class WebhookSecretStore:
    """The secrets in the database. Every method raises `DatabaseAway` if PostgreSQL does not respond.

    Args:
        fetch: runs a statement, which is a transaction of its own.
        keys: encrypt and decrypt them.
        now: the time, aware UTC.
    """

    def __init__(self, fetch: Fetch, keys: SecretKeys, now: Callable[[], datetime]) -> None:
        self._fetch = fetch
        self._keys = keys
        self._now = now

    async def check(self) -> None:
        """Check that what is stored can be decrypted.

        Raises:
            NotStarted: it cannot.
        """
        [[foreign]] = await self._fetch(statements.ANY_SEALED_OTHERWISE, list(self._keys.ids))
        if foreign:
            raise NotStarted(
                "SECRETS_KEY cannot decrypt the webhook secrets in the database: give this server the key of the one"
                " that stored them, from its SECRETS_KEY or the file secrets_key in its DATA_DIR."
            )

    async def create_missing(self, limit: int) -> bool:
        """Create the first secret of accounts that have none; returns whether there may be more of them."""
        accounts = [record["name"] for record in await self._fetch(statements.ACCOUNTS_WITHOUT, limit)]
        created = [await self._create_first(account) for account in accounts]
        # Where none could be created, another server does it, or none can.
        return len(accounts) == limit and any(created)

    async def of(self, accounts: Sequence[str]) -> list[list[WebhookSecret] | CannotOpen]:
        """Read the secrets that sign for accounts, newest first, creating the first one where there is none.

        Returns:
            For each account its secrets, or why there are none.
        """
        found = await self._alive(accounts)
        missing = [account for account in accounts if account not in found]
        for account in missing:
            await self._create_first(account)
        if missing:
            found |= await self._alive(missing)
        nothing = CannotOpen("The account has no webhook secret, and this server cannot create one.")
        return [found.get(account, nothing) for account in accounts]

    async def rotate(self, account: str, overlap: timedelta) -> WebhookSecret:
        """Create a new secret; the ones before sign as well until the overlap, or their own, ends.

        Raises:
            Conflict: as many secrets sign as may at once.
            CannotOpen: the present one cannot be decrypted by this server.
        """
        for _ in range(ALIVE_MAX):  # rotations at once
            [alive] = await self.of([account])
            if isinstance(alive, CannotOpen):
                raise alive
            if len(alive) >= ALIVE_MAX:
                end = min(one.expires_at for one in alive if one.expires_at)
                raise Conflict(f"{ALIVE_MAX} secrets sign at once; the first of them ends at {end.isoformat()}.")
            now, (sealed, public_key) = self._now(), self._new(account)
            columns = (account, sealed, self._keys.ids[0], public_key, now, now + overlap, ALIVE_MAX)
            for record in await self._fetch(statements.ROTATE, *columns):
                return self._opened(record)
        raise Conflict("The secrets are being rotated by others; read them again.")

    async def public_keys(self, key_set: str) -> list[bytes]:
        """Return the Ed25519 keys that sign for the account with this set, newest first; none: no such set."""
        records = await self._fetch(statements.PUBLIC_KEYS, key_set, self._now())
        return [record["public_key"] for record in records]

    async def reencrypt(self) -> int:
        """Encrypt with the first key what others encrypted; returns how many there were. May be interrupted.

        Raises:
            CannotOpen: one cannot be decrypted; what came before it is done.
        """
        done, last = 0, 0
        while records := await self._fetch(statements.SEALED_OTHERWISE, self._keys.ids[0], last, SEALED_TOGETHER_MAX):
            opened = [(record["account"], self._keys.open(record["account"], record["sealed"])) for record in records]
            sealed = [self._keys.seal(account, secret) for account, secret in opened]
            await self._fetch(statements.SEAL_AGAIN, self._keys.ids[0], [record["id"] for record in records], sealed)
            done, last = done + len(records), records[-1]["id"]
        return done

    async def _create_first(self, account: str) -> bool:
        key_set = random_secrets.token_urlsafe(SET_NAME_BYTES)
        sealed, public_key = self._new(account)
        ids = list(self._keys.ids)
        return bool(await self._fetch(statements.CREATE_FIRST, account, sealed, ids, public_key, key_set, self._now()))

    async def _alive(self, accounts: Collection[str]) -> dict[str, list[WebhookSecret] | CannotOpen]:
        records = await self._fetch(statements.ALIVE, list(accounts), self._now())
        found: dict[str, list[WebhookSecret] | CannotOpen] = {}
        for account, of_account in groupby(records, key=lambda record: str(record["account"])):
            try:
                found[account] = [self._opened(record) for record in of_account]
            except CannotOpen as error:
                found[account] = error
        return found

    def _new(self, account: str) -> tuple[bytes, bytes]:
        """Make a secret and a key; returns both encrypted, and the public key."""
        signing_key = random_secrets.token_bytes(SIGNING_KEY_BYTES)
        sealed = self._keys.seal(account, random_secrets.token_bytes(NEW_SECRET_BYTES) + signing_key)
        return sealed, public_key_of(signing_key)

    def _opened(self, record: Mapping[str, Any]) -> WebhookSecret:
        opened = self._keys.open(record["account"], record["sealed"])
        secret, signing_key = opened[:NEW_SECRET_BYTES], opened[NEW_SECRET_BYTES:]
        return WebhookSecret(
            secret=SECRET_PREFIX + base64.b64encode(secret).decode(),
            signing_key=signing_key,
            key_set=record["key_set"],
            created_at=record["created_at"],
            expires_at=record["expires_at"],
        )


def public_key_of(signing_key: bytes) -> bytes:
    """Return the 32 bytes that verify what a key signs."""
    return Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()
