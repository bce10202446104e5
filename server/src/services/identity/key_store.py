"""The only writer of keys."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Self

import asyncpg

from src.database import database_errors
from src.errors import Conflict, Invalid, NotFound
from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.models.api_key_model import KEY_NAME_LENGTH_MAX
from src.services.identity import key_statements as statements
from src.services.identity.account_store import ACCOUNT_NAME, limits_of
from src.services.identity.caller import Limits, Scope
from src.services.identity.key_format import generate_key, read_key

#: How long an old key stays good after a rotation, hours.
OVERLAP_HOURS_MAX = 168
#: Keys of an account that are good or were created lately; a few more when created at the same moment.
KEYS_OF_ACCOUNT_MAX = 1_000
LATELY = timedelta(days=30)
#: The account of the operator.
OPERATOR = "operator"

_KEY_NAME = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{KEY_NAME_LENGTH_MAX}}}")
_NO_KEY = "There is no key with this id."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is known of a key; never the key itself."""

    id: str
    account: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    #: None: never.
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Convert a row."""
        return cls(**{**record, "scopes": ordered(Scope(scope) for scope in record["scopes"])})


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with what recognises it, whether its account is disabled, and the limits of that."""

    key: ApiKey
    sha256: bytes = field(repr=False)
    account_disabled: bool
    limits: Limits

    @classmethod
    def of(cls, record: asyncpg.Record) -> Self:
        """Convert a row."""
        key = ApiKey.of({field.name: record[field.name] for field in fields(ApiKey)})
        return cls(key, record["sha256"], record["account_disabled"], limits_of(record))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What a new key is to be.

    Raises:
        Invalid: the account, the name or the scopes cannot be so.
    """

    account: str
    name: str
    scopes: frozenset[Scope]
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if not ACCOUNT_NAME.fullmatch(self.account):
            raise Invalid(f"An account has 1 to {ACCOUNT_LENGTH_MAX} visible ASCII characters.", "/account")
        if not _KEY_NAME.fullmatch(self.name):
            raise Invalid(f"A key's name has 1 to {KEY_NAME_LENGTH_MAX} printable characters.", "/name")
        if not self.scopes:
            raise Invalid("A key has at least one scope.", "/scopes")


class KeyStore:
    """Keys in the database. Every method raises `DatabaseAway` if PostgreSQL does not answer.

    Args:
        pool: connections to the database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(self, new: NewKey, now: datetime) -> tuple[ApiKey, str]:
        """Create a key, and its account if this is its first one.

        Returns:
            The key as it is stored, and its text, which is told this once.

        Raises:
            Invalid: it would have expired already.
            Conflict: the account has `KEYS_OF_ACCOUNT_MAX` keys that are good or were created `LATELY`.
        """
        check_end(new.expires_at, now)
        await self._check_number(new.account, now)
        text = generate_key()
        read = read_key(text)
        scopes = [str(scope) for scope in ordered(new.scopes)]
        records = await self._fetch(
            statements.INSERT_KEY, read.id, new.account, new.name, read.sha256, scopes, now, new.expires_at
        )
        return ApiKey.of(records[0]), text

    async def get(self, key_id: str) -> ApiKey:
        """Read one key.

        Raises:
            NotFound: there is none with this id.
        """
        records = await self._fetch(statements.GET_KEY, key_id)
        if not records:
            raise NotFound(_NO_KEY)
        return ApiKey.of(records[0])

    async def after(self, account: str | None, after: tuple[str, str], limit: int) -> list[ApiKey]:
        """Read the next keys behind an account and id, of one account or of all."""
        return [ApiKey.of(record) for record in await self._fetch(statements.KEYS_AFTER, account, *after, limit)]

    async def rotate(
        self, key_id: str, now: datetime, *, overlap: timedelta, expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        """Create a successor with the same account, name and scopes; the old key ends after the overlap.

        Args:
            key_id: the key to replace.
            now: the time.
            overlap: how long both are good.
            expires_at: when the new key ends; None: never.

        Raises:
            NotFound: there is no such key.
            Conflict: it was revoked or rotated before, or has expired.
            Invalid: the new key would have expired already.
        """
        old = await self.get(key_id)
        if (trouble := _why_it_cannot_rotate(old, now)) is not None:
            raise Conflict(trouble)
        check_end(expires_at, now)
        await self._check_number(old.account, now)
        text = generate_key()
        read = read_key(text)
        records = await self._fetch(statements.ROTATE_KEY, key_id, read.id, read.sha256, now, now + overlap, expires_at)
        if not records:
            raise Conflict("The key changed meanwhile; read it again.")
        return ApiKey.of(records[0]), text

    async def revoke(self, key_id: str, now: datetime) -> None:
        """Revoke a key; revoking it again changes nothing.

        Raises:
            NotFound: there is no such key.
        """
        if not await self._fetch(statements.REVOKE_KEY, key_id, now):
            raise NotFound(_NO_KEY)

    async def stored(self, key_ids: Sequence[str]) -> list[StoredKey | None]:
        """Read what recognises keys, in the order of their ids; None: there is no such key."""
        records = await self._fetch(statements.STORED_KEYS, sorted(set(key_ids)))
        found = {record["id"]: StoredKey.of(record) for record in records}
        return [found.get(key_id) for key_id in key_ids]

    async def used(self, key_ids: Sequence[str], at: datetime) -> None:
        """Record that keys were used."""
        await self._fetch(statements.KEYS_USED, key_ids, at)

    async def _check_number(self, account: str, now: datetime) -> None:
        if (await self._fetch(statements.COUNT_KEYS, account, now, now - LATELY))[0][0] >= KEYS_OF_ACCOUNT_MAX:
            raise Conflict(
                f"The account has {KEYS_OF_ACCOUNT_MAX:,} keys that are good or younger than {LATELY.days} days:"
                " revoke some, or wait."
            )

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        async with database_errors():
            records: Sequence[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
        return records


def ordered(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """Put scopes into the order in which they are always shown."""
    wanted = frozenset(scopes)
    return tuple(scope for scope in Scope if scope in wanted)


def check_end(expires_at: datetime | None, now: datetime) -> None:
    """Refuse an end that has passed.

    Raises:
        Invalid: it has.
    """
    if expires_at is not None and expires_at <= now:
        raise Invalid("The key would have expired already.", "/expires_at")


def _why_it_cannot_rotate(key: ApiKey, now: datetime) -> str | None:
    if key.revoked_at:
        return "The key was revoked."
    if key.replaced_by:
        return f"The key was rotated before; its successor is {key.replaced_by}."
    return "The key has expired." if key.expires_at and key.expires_at <= now else None
