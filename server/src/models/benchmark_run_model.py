"""The `benchmark_runs` table: what the load generator measured against this server."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class RunStatus(StrEnum):
    """Where a benchmark run is."""

    #: The load generator is at work.
    RUNNING = "RUNNING"
    #: It measured all that it was asked for.
    COMPLETED = "COMPLETED"
    #: Somebody, or the limit of time, ended it early; what it had measured is kept.
    STOPPED = "STOPPED"
    #: There is no result; `failure_reason` says why.
    FAILED = "FAILED"


class BenchmarkRunModel(Base):
    """One benchmark run."""

    __tablename__ = "benchmark_runs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: `sync`, `async` or `both`.
    mode: Mapped[str] = mapped_column(String(5))
    status: Mapped[str] = mapped_column(String(10))
    #: What was asked for.
    config: Mapped[dict[str, Any]]
    #: What the load generator measured.
    summary: Mapped[dict[str, Any] | None]
    failure_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    #: When its process last said that it is at work.
    heartbeat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("mode IN ('sync', 'async', 'both')", name="mode"),
        CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'STOPPED', 'FAILED')", name="status"),
        CheckConstraint("(status = 'RUNNING') = (ended_at IS NULL)", name="ended_has_ended_at"),
        # One run at a time, over all processes: two would measure each other.
        Index("uq_benchmark_runs_running", "status", unique=True, postgresql_where=text("status = 'RUNNING'")),
        Index("ix_benchmark_runs_created_at", "created_at"),
    )
