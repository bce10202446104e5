"""The `benchmark_runs` table: the load generator's measurements of this server."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.account_model import ACCOUNT_LENGTH_MAX
from src.models.base import Base


class RunStatus(StrEnum):
    """The status of a benchmark run."""

    #: The load generator is running.
    RUNNING = "RUNNING"
    #: The measurement is complete.
    COMPLETED = "COMPLETED"
    #: Ended early by a user or by the time limit; the measurements so far are kept.
    STOPPED = "STOPPED"
    #: There is no result; see `failure_reason`.
    FAILED = "FAILED"


class BenchmarkRunModel(Base):
    """One benchmark run."""

    __tablename__ = "benchmark_runs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The account that owns it; null: the unnamed account.
    account: Mapped[str | None] = mapped_column(String(ACCOUNT_LENGTH_MAX))
    #: `sync`, `async` or `both`.
    mode: Mapped[str] = mapped_column(String(5))
    status: Mapped[str] = mapped_column(String(10))
    #: The parameters of the run.
    config: Mapped[dict[str, Any]]
    #: The load generator's summary.
    summary: Mapped[dict[str, Any] | None]
    failure_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    #: The last heartbeat of its process.
    heartbeat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("mode IN ('sync', 'async', 'both')", name="mode"),
        CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'STOPPED', 'FAILED')", name="status"),
        CheckConstraint("(status = 'RUNNING') = (ended_at IS NULL)", name="ended_has_ended_at"),
        # One run at a time, across all processes: two would distort each other's measurements.
        Index("uq_benchmark_runs_running", "status", unique=True, postgresql_where=text("status = 'RUNNING'")),
        Index("ix_benchmark_runs_created_at", "created_at"),
    )
