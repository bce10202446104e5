"""Tickets that open one event stream: a browser can send no header with a WebSocket or an `EventSource`."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final

import asyncpg

from src.database import database_errors
from src.services.identity import ticket_statements as statements
from src.services.identity.caller import Caller, Scope

#: How long a ticket is good, seconds.
TICKET_LIFETIME_S: Final = 30
#: Random bytes of a ticket: 256 bits.
TICKET_BYTES = 32
#: Expired tickets that each new one removes at most, so that the table holds little more than what is good.
REMOVED_WITH_EACH_MAX = 20

_TICKET = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Who made a ticket; never the ticket itself."""

    #: None: the unnamed account.
    account: str | None
    key_id: str | None
    scopes: frozenset[Scope]
    #: When the credential of its maker ends; None: never.
    credential_expires_at: datetime | None


class TicketStore:
    """Tickets in the database, by their SHA-256. Every method raises `DatabaseAway` if PostgreSQL does not answer.

    Args:
        pool: connections to the database.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def issue(self, caller: Caller) -> str:
        """Create a ticket for a caller, good for `TICKET_LIFETIME_S`; returns its text."""
        ticket = token_urlsafe(TICKET_BYTES)
        await self._fetch(
            statements.ISSUE_TICKET,
            _digest(ticket),
            caller.owner.account,
            caller.key_id,
            [str(scope) for scope in caller.scopes],
            caller.expires_at,
            timedelta(seconds=TICKET_LIFETIME_S),
            REMOVED_WITH_EACH_MAX,
        )
        return ticket

    async def redeem(self, ticket: str) -> Ticket | None:
        """Use a ticket up; None if there is none, or none any more: exactly one of several calls gets it."""
        if not _TICKET.fullmatch(ticket):
            return None
        for record in await self._fetch(statements.REDEEM_TICKET, _digest(ticket)):
            return Ticket(**{**record, "scopes": frozenset(map(Scope, record["scopes"]))})
        return None

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        async with database_errors():
            records: Sequence[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
        return records


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("ascii")).digest()
