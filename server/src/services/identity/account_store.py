"""The only writer of accounts, but for their first keys, which create them."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self

import asyncpg

from src.config import RATE_LIMIT_PATTERN
from src.database import database_errors
from src.errors import DatabaseAway, Invalid, NotFound
from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.services.identity import account_statements as statements
from src.services.identity.caller import Limits

#: How many requests the own limit of an account may let wait.
ACCOUNT_PENDING_MAX = 100_000_000
ACCOUNT_NAME = re.compile(rf"[!-~]{{1,{ACCOUNT_LENGTH_MAX}}}", re.ASCII)
#: How often an account is created that is deleted at the same moment.
ENSURED_MAX = 3
#: Left as it is.
UNCHANGED: Any = object()

_NO_ACCOUNT = "There is no account with this name: it is made by its first key or token."
_RATE = re.compile(RATE_LIMIT_PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """An account, and its own limits."""

    name: str
    created_at: datetime
    #: None: its keys are good.
    disabled_at: datetime | None
    limits: Limits

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Convert a row."""
        return cls(record["name"], record["created_at"], record["disabled_at"], limits_of(record))


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What is to change of an account; None: as the settings say.

    Raises:
        Invalid: a value cannot be so.
    """

    rate_limit_sync: str | None = UNCHANGED
    rate_limit_async: str | None = UNCHANGED
    max_pending: int | None = UNCHANGED
    disabled: bool = UNCHANGED

    def __post_init__(self) -> None:
        for name in ("rate_limit_sync", "rate_limit_async"):
            rate = getattr(self, name)
            if rate is not UNCHANGED and rate is not None and not _RATE.fullmatch(rate):
                raise Invalid("A rate limit is such as 600/minute (second, minute, hour, day), or off.", f"/{name}")
        waiting = self.max_pending
        if waiting is not UNCHANGED and waiting is not None and not 1 <= waiting <= ACCOUNT_PENDING_MAX:
            raise Invalid(f"Between 1 and {ACCOUNT_PENDING_MAX:,} requests may wait.", "/max_pending")

    @property
    def given(self) -> dict[str, Any]:
        """What changes, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not UNCHANGED}


class AccountStore:
    """Accounts in the database. Every method raises `DatabaseAway` if PostgreSQL does not answer.

    Args:
        pool: connections to the database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def any(self) -> bool:
        """Return whether there is a named account."""
        return bool((await self._fetch(statements.ANY_ACCOUNT))[0][0])

    async def ensure(self, name: str, now: datetime) -> Account:
        """Create an account, unless it exists."""
        for _ in range(ENSURED_MAX):
            await self._fetch(statements.ENSURE_ACCOUNT, name, now)
            with suppress(NotFound):  # it was deleted at this moment
                return await self.get(name)
        raise DatabaseAway("The account is being deleted and created; try again.")

    async def get(self, name: str) -> Account:
        """Read an account.

        Raises:
            NotFound: there is none with this name.
        """
        return await self._one(statements.GET_ACCOUNT, name)

    async def after(self, name: str, limit: int) -> list[Account]:
        """Read the next accounts behind a name."""
        return [Account.of(record) for record in await self._fetch(statements.ACCOUNTS_AFTER, name, limit)]

    async def change(self, name: str, change: AccountChange, now: datetime) -> Account:
        """Change an account; the database announces it to every server.

        Raises:
            NotFound: there is none with this name.
        """
        given = change.given
        values = [given.get(field.name) for field in fields(change)]
        return await self._one(statements.SET_ACCOUNT, name, list(given), *values, now)

    async def _one(self, statement: str, name: str, *arguments: Any) -> Account:
        records = await self._fetch(statement, name, *arguments) if ACCOUNT_NAME.fullmatch(name) else []
        if not records:
            raise NotFound(_NO_ACCOUNT)
        return Account.of(records[0])

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        async with database_errors():
            records: Sequence[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
        return records


def limits_of(record: Mapping[str, Any]) -> Limits:
    """Read the limits of an account from the columns of a row."""
    names = ("rate_limit_sync", "rate_limit_async", "max_pending")
    return Limits(**{name: record[name] for name in names})
