"""Checks whether the database can be read and written, for health and readiness."""

import asyncio
import time
from collections.abc import Callable

from sqlalchemy import Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from src.database import database_errors
from src.database_faults import INSUFFICIENT_PRIVILEGE, READ_ONLY, REFUSED_WRITES, sqlstate_of
from src.errors import DatabaseAway
from src.services.requests.read_slots import ReadSlots

#: Interval of probes while writes are refused.
PROBED_EVERY_S = 2.0
#: A successful check is reused for this time.
GOOD_FOR_S = 0.1
#: The caller name under which all health checks share read slots.
ASKERS = "health"

_LOOK = text("SELECT current_setting('transaction_read_only') = 'on' AS read_only")
#: Needs disk space like any write, and leaves nothing behind.
_PROBE = text(
    "CREATE TEMP TABLE room_probe ON COMMIT DROP AS SELECT md5(i::text) AS filling FROM generate_series(1, 2000) AS i"
)


class DatabaseCondition:
    """Checks the database on demand, and remembers a refused write until one succeeds. Belongs to the engine's loop.

    A database on a full disk can still be read, so only a write reveals it.

    Args:
        engine: the database.
        slots: all health checks together take one caller's share of them.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(self, engine: AsyncEngine, slots: ReadSlots, now_s: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._slots = slots
        self._now_s = now_s
        self._refusal: DatabaseAway | None = None
        self._probed_at_s = -PROBED_EVERY_S
        self._look: asyncio.Task[None] | None = None
        self._good_until_s = 0.0

    def note(self, error: DatabaseAway) -> None:
        """Note the failure of a write; thread-safe."""
        if error.refuses_writes:
            self._refusal = error

    async def round_trip_ms(self) -> float:
        """Measure a round trip, in milliseconds.

        Raises:
            DatabaseAway: the database does not respond.
        """
        async with self._slots.slot(ASKERS):
            started_s = time.perf_counter()
            await self._run(_LOOK)
            return round((time.perf_counter() - started_s) * 1000, 2)

    async def check(self) -> None:
        """Check that requests can be stored; concurrent calls share one check.

        Raises:
            DatabaseAway: they cannot; the detail says why.
        """
        if self._refusal is None and self._now_s() < self._good_until_s:
            return
        if self._look is None:
            self._look = asyncio.create_task(self._check())
            self._look.add_done_callback(self._looked)
        await asyncio.shield(self._look)

    def _looked(self, look: "asyncio.Task[None]") -> None:
        self._look = None
        if not look.cancelled():
            look.exception()  # retrieved, in case every waiter has been cancelled

    async def _check(self) -> None:
        if (await self._run(_LOOK))[0].read_only:
            raise DatabaseAway(REFUSED_WRITES[READ_ONLY], refuses_writes=True)
        if self._refusal is not None:
            await self._probe(self._refusal)
        self._good_until_s = self._now_s() + GOOD_FOR_S

    async def _probe(self, refusal: DatabaseAway) -> None:
        if self._now_s() - self._probed_at_s < PROBED_EVERY_S:
            raise refusal
        self._probed_at_s = self._now_s()
        try:
            await self._run(_PROBE)
        except DatabaseAway as error:
            # A role that may not create temporary tables cannot probe; the next request will show.
            if sqlstate_of(error.__cause__ or error) != INSUFFICIENT_PRIVILEGE:
                self.note(error)
                raise
        self._refusal = None

    async def _run(self, statement: Executable) -> list[Row[tuple[object, ...]]]:
        async with database_errors(), self._engine.connect() as connection:
            result = await connection.execute(statement)
            return list(result.all()) if result.returns_rows else []
