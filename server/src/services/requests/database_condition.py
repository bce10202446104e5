"""Whether the database can be read and changed now, for health and readiness."""

import asyncio
import time
from collections.abc import Callable

from sqlalchemy import Executable, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from src.database import database_errors
from src.database_faults import INSUFFICIENT_PRIVILEGE, READ_ONLY, REFUSED_WRITES, sqlstate_of
from src.errors import DatabaseAway
from src.services.requests.read_slots import ReadSlots

#: While changes are refused it is tried so often whether they still are.
PROBED_EVERY_S = 2.0
#: A good answer is not asked for again within this time.
GOOD_FOR_S = 0.1
#: The caller of the database that stands for all who ask for health.
ASKERS = "health"

_LOOK = text("SELECT current_setting('transaction_read_only') = 'on' AS read_only")
#: Takes room on the disk like any change, and leaves nothing.
_PROBE = text(
    "CREATE TEMP TABLE room_probe ON COMMIT DROP AS SELECT md5(i::text) AS filling FROM generate_series(1, 2000) AS i"
)


class DatabaseCondition:
    """Looks when asked, and remembers that a change was refused until one succeeds. Belongs to the engine's loop.

    A full disk can still be read, so only a change shows it.

    Args:
        engine: the way to the database.
        slots: those who ask together take one caller's share of it.
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
        """Take note of what a change met with. From any thread."""
        if error.refuses_writes:
            self._refusal = error

    async def round_trip_ms(self) -> float:
        """Measure a round trip.

        Raises:
            DatabaseAway: there is no answer.
        """
        async with self._slots.slot(ASKERS):
            started_s = time.perf_counter()
            await self._run(_LOOK)
            return round((time.perf_counter() - started_s) * 1000, 2)

    async def check(self) -> None:
        """Return when requests can be stored; those who ask at the same time share an answer.

        Raises:
            DatabaseAway: they cannot; the sentence says why.
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
            look.exception()  # those who waited have it; perhaps all of them left

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
            # A role that may not make temporary tables cannot probe; the next request tells.
            if sqlstate_of(error.__cause__ or error) != INSUFFICIENT_PRIVILEGE:
                self.note(error)
                raise
        self._refusal = None

    async def _run(self, statement: Executable) -> list[Row[tuple[object, ...]]]:
        async with database_errors(), self._engine.connect() as connection:
            result = await connection.execute(statement)
            return list(result.all()) if result.returns_rows else []
