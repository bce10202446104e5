"""The `redeliveries` table: callbacks that are sent again in bulk, and how far that has come."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class RedeliveryStatus(StrEnum):
    """The status of a bulk redelivery."""

    #: Not everything that matches is queued yet.
    RUNNING = "RUNNING"
    #: Everything that matches is queued; attempts may still be under way.
    COMPLETED = "COMPLETED"
    #: Stopped by a user; what was queued until then is still sent.
    CANCELLED = "CANCELLED"


class RedeliveryModel(Base):
    """One bulk redelivery."""

    __tablename__ = "redeliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The owning account; null: the anonymous one.
    account: Mapped[str | None] = mapped_column(String(100))
    #: Who started it, and the idempotency key and the SHA-256 of the body it was started with.
    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    fingerprint: Mapped[bytes | None]
    status: Mapped[str] = mapped_column(String(9))
    #: What is redelivered, as it was asked for.
    filter: Mapped[dict[str, Any]]
    #: How many callbacks matched at the start.
    count: Mapped[int]
    #: How many have been queued.
    queued: Mapped[int] = mapped_column(server_default=text("0"))
    #: How they ended; counted once, when all of them have.
    succeeded: Mapped[int] = mapped_column(server_default=text("0"))
    failed: Mapped[int] = mapped_column(server_default=text("0"))
    #: The queue position up to which everything has been looked at, and the last one to look at.
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    last_position: Mapped[int] = mapped_column(BigInteger)
    #: When the next batch is due.
    next_batch_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    created_at: Mapped[datetime]
    #: When the last batch was queued, or the redelivery was cancelled.
    ended_at: Mapped[datetime | None]
    #: When all that was queued had ended.
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("status IN ('RUNNING', 'COMPLETED', 'CANCELLED')", name="status"),
        CheckConstraint("(status = 'RUNNING') = (ended_at IS NULL)", name="ended_has_ended_at"),
        UniqueConstraint("caller", "idempotency_key"),
        # One at a time for each account.
        Index(
            "uq_redeliveries_running",
            text("coalesce(account, '')"),
            unique=True,
            postgresql_where=text("status = 'RUNNING'"),
        ),
        Index("ix_redeliveries_newest", "account", "created_at", "id"),
    )
