"""Leader election: of the processes that share a database one runs the worker; the others serve HTTP and stand by.

The leader holds a session advisory lock on a dedicated connection: when it dies, PostgreSQL releases the lock at once.
Because a process may notice late that it has lost the lock, every election increments an epoch (a fencing token), and
changes by the worker are rejected unless they carry the current epoch.
"""

import asyncio
import logging
import os
import platform
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from src.database import database_errors

#: An arbitrary number, the same in every process of this service.
LEADER_LOCK = 7_215_002
TRIED_EVERY_S = 1.0
CHECKED_EVERY_S = 1.0
CHECK_TIMEOUT_S = 2.0

_ELECT = """
UPDATE leader SET epoch = epoch + 1, held_by = $1, elected_at = clock_timestamp() RETURNING epoch
"""

log = logging.getLogger(__name__)


class Leadership:
    """This process's candidacy. Belongs to the worker's loop.

    Args:
        connect: opens a dedicated connection. PgBouncer in transaction mode would break the lock.
    """

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._connection: asyncpg.Connection | None = None

    async def win(self) -> int:
        """Wait until this process is the leader; returns its epoch.

        Raises:
            DatabaseAway: PostgreSQL does not respond.
        """
        self._connection = await self._connect()
        while not await self._ask("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):  # noqa: ASYNC110  a free lock sends no event
            await asyncio.sleep(TRIED_EVERY_S)
        epoch: int = await self._ask(_ELECT, f"{platform.node()}:{os.getpid()}")
        return epoch

    async def keep(self) -> None:
        """Return when leadership is lost, or may be: the lock's connection does not respond."""
        assert self._connection is not None  # noqa: S101  won before
        try:
            while True:
                await asyncio.sleep(CHECKED_EVERY_S)
                await self._connection.fetchval("SELECT 1", timeout=CHECK_TIMEOUT_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("This process may have lost leadership; it stops working and stands for election again.")

    def resign(self) -> None:
        """Release the lock, if held."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _ask(self, statement: str, argument: Any) -> Any:
        assert self._connection is not None  # noqa: S101  connected before
        async with database_errors():
            return await self._connection.fetchval(statement, argument)
