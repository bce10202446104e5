"""Deleting an account with all that belongs to it; it may be ended at any moment and begun again."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from src.database import database_errors
from src.errors import Conflict
from src.services.identity.account_store import AccountChange, AccountStore
from src.services.identity.caller import ACCOUNT_MARK
from src.services.report_files.storage import ReportStorage
from src.services.upkeep import leaving_statements as statements

#: A call that came in before every server had heard may still be accepted: its body takes up to 30 s.
CALLS_END_WITHIN = timedelta(seconds=45)
#: How long to wait for what is being processed, seconds; and how often to look.
UNDER_WAY_ENDS_WITHIN_S = 60
LOOKED_AFTER_EVERY_S = 0.5
DELETED_TOGETHER = 500
BATCHES_TOGETHER = 20
#: How often all is looked through for what the worker began meanwhile.
ROUNDS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """How far it has come."""

    requests: int = 0
    batches: int = 0
    done: bool = False


class AccountRemoval:
    """Deletes accounts. Every method raises `DatabaseAway` if PostgreSQL does not answer.

    The account is disabled first, and its row goes last: what is left at any moment still says whose it is.

    Args:
        pool: connections to the database.
        storages: every store that may hold reports.
        now: the time, aware UTC.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        storages: Sequence[ReportStorage],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._storages = storages
        self._now = now
        self._sleep = sleep

    async def disable(self, account: str) -> float:
        """Disable an account; returns the seconds until what came in before has ended.

        Raises:
            NotFound: there is no such account.
        """
        disabled = await AccountStore(self._pool).change(account, AccountChange(disabled=True), self._now())
        assert disabled.disabled_at is not None  # noqa: S101  it was just set
        return max(0.0, (disabled.disabled_at + CALLS_END_WITHIN - self._now()).total_seconds())

    async def remove(self, account: str, *, unfinished: bool) -> AsyncGenerator[Removed]:
        """Delete what belongs to a disabled account, and then the account; yields after each step.

        Args:
            account: its name.
            unfinished: whether what has not ended is deleted too: never processed, never sent.

        Raises:
            Conflict: something has not ended, or the account was enabled meanwhile.
            OSError: a store refuses or is away.
        """
        removed = Removed()
        for _ in range(ROUNDS_MAX):  # the worker may begin another report before it is deleted
            await self._check(account, unfinished=unfinished)
            while gone := await self._fetch(statements.DELETE_BATCHES, account, BATCHES_TOGETHER):
                removed = replace(removed, batches=removed.batches + len(gone))
                yield removed
            while found := await self._fetch(statements.REQUESTS_TO_DELETE, account, DELETED_TOGETHER):
                ids = [one["id"] for one in found]
                await asyncio.to_thread(self._delete_files, ids)
                yield removed
                gone = await self._fetch(statements.DELETE_REQUESTS, account, ids)
                removed = replace(removed, requests=removed.requests + len(gone))
                yield removed
            if await self._fetch(statements.DELETE_ACCOUNT, account, ACCOUNT_MARK + account):
                yield replace(removed, done=True)
                return
        raise Conflict("The account was enabled meanwhile, or something of it has come back: run this again.")

    async def _check(self, account: str, *, unfinished: bool) -> None:
        for _ in range(int(UNDER_WAY_ENDS_WITHIN_S / LOOKED_AFTER_EVERY_S)):
            [left] = await self._fetch(statements.UNFINISHED, account)
            if left["unfinished"] and not unfinished:
                raise Conflict(
                    f"The account is disabled; {left['unfinished']:,} of its requests, batches, callbacks, redeliveries"
                    " or benchmarks have not ended. Wait and run this again, or add --unfinished: they are then"
                    " neither processed nor sent."
                )
            if not left["under_way"]:
                return
            await self._sleep(LOOKED_AFTER_EVERY_S)
        raise Conflict(f"{left['under_way']:,} of its requests are still being processed; run this again.")

    def _delete_files(self, request_ids: Sequence[UUID]) -> None:
        for storage in self._storages:
            storage.delete(request_ids)

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[asyncpg.Record]:
        async with database_errors():
            records: Sequence[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
        return records
