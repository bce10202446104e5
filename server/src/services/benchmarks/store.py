"""The table of benchmark runs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import UpdateBase

from src.database import database_errors
from src.errors import Conflict
from src.models import BenchmarkRunModel, RunStatus
from src.services.identity.caller import View
from src.services.requests.read_slots import ReadSlots
from src.services.requests.visible import visible

#: A run without a heartbeat for this long belongs to a process that died.
ABANDONED_AFTER = timedelta(seconds=20)
#: Older runs are deleted when a new one starts.
RUNS_KEPT_MAX = 100

Run = BenchmarkRunModel
#: The columns of a list: all but the detailed summary.
_LISTED = [column for column in Run.__table__.columns if column.name != "summary"]
_MODES = [Run.summary["sync"].label("sync"), Run.summary["async"].label("async_")]


class BenchmarkStore:
    """Queries on benchmark runs. Every method raises `DatabaseAway` if PostgreSQL does not answer.

    Args:
        engine: the database engine.
        slots: limits the concurrent reads of each caller.
    """

    def __init__(self, engine: AsyncEngine, slots: ReadSlots) -> None:
        self._engine = engine
        self._slots = slots

    async def begin(
        self, run_id: UUID, mode: str, config: dict[str, Any], now: datetime, account: str | None = None
    ) -> None:
        """Insert a new run.

        Raises:
            Conflict: another run is in progress, in any process.
        """
        await self.fail_abandoned(now)
        run = {"id": run_id, "mode": mode, "status": RunStatus.RUNNING, "config": config, "account": account}
        try:
            await self._change(insert(Run).values(**run, created_at=now, heartbeat_at=now))
        except IntegrityError:
            raise Conflict(
                "A benchmark is already running. Wait for it or stop it. "
                f"(If its server died, it counts as failed after {ABANDONED_AFTER.seconds} s.)"
            ) from None
        await self._delete_oldest()

    async def heartbeat(self, run_id: UUID, now: datetime) -> None:
        """Record that a run is still in progress."""
        await self._change(update(Run).where(Run.id == run_id).values(heartbeat_at=now))

    async def end(
        self, run_id: UUID, status: RunStatus, summary: dict[str, Any] | None, reason: str | None, now: datetime
    ) -> None:
        """Record how a run ended."""
        ended = {"status": status, "summary": summary, "failure_reason": reason, "ended_at": now}
        await self._change(update(Run).where(Run.id == run_id, Run.status == RunStatus.RUNNING).values(**ended))

    async def fail_abandoned(self, now: datetime) -> None:
        """Fail the run of a process that died."""
        abandoned = update(Run).where(Run.status == RunStatus.RUNNING, Run.heartbeat_at < now - ABANDONED_AFTER)
        reason = "The server stopped before the benchmark was finished."
        await self._change(abandoned.values(status=RunStatus.FAILED, failure_reason=reason, ended_at=now))

    async def running(self) -> set[UUID]:
        """Return the runs in progress, in any process; at most one."""
        running = select(Run.id).where(Run.status == RunStatus.RUNNING)
        async with database_errors(), self._engine.connect() as connection:  # no caller's read, so it takes no slot
            return set((await connection.execute(running)).scalars())

    async def get(self, run_id: UUID, view: View) -> Row[Any] | None:
        """Return a run with its detailed summary."""
        rows = await self._all(select(*Run.__table__.columns).where(Run.id == run_id, *visible(view, Run)))
        return rows[0] if rows else None

    async def newest(self, limit: int, view: View) -> Sequence[Row[Any]]:
        """Return runs, newest first, with the figures of both modes."""
        return await self._all(
            select(*_LISTED, *_MODES).where(*visible(view, Run)).order_by(Run.created_at.desc()).limit(limit)
        )

    async def delete(self, run_id: UUID, view: View) -> bool:
        """Delete a finished run; returns whether there was one."""
        ended = delete(Run).where(Run.id == run_id, Run.status != RunStatus.RUNNING, *visible(view, Run))
        return await self._change(ended) > 0

    async def _delete_oldest(self) -> None:
        kept = select(Run.id).order_by(Run.created_at.desc()).limit(RUNS_KEPT_MAX)
        await self._change(delete(Run).where(Run.id.not_in(kept), Run.status != RunStatus.RUNNING))

    async def _all(self, query: Any) -> Sequence[Row[Any]]:
        async with self._slots.slot(), database_errors(), self._engine.connect() as connection:
            rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
            return rows

    async def _change(self, change: UpdateBase) -> int:
        async with database_errors(), self._engine.connect() as connection:
            return (await connection.execute(change)).rowcount
