"""The `batches` table: requests that were submitted together, and the callback for all of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class Callbacks(StrEnum):
    """Who is called back."""

    #: Each entry's own callback URL, if it has one.
    EACH = "each"
    #: The batch's callback URL alone, once.
    BATCH = "batch"
    #: Both.
    BOTH = "both"


class BatchStatus(StrEnum):
    """The status of a batch; derived from its row and its entries."""

    #: No entry has been started.
    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    #: Every entry has ended, whatever each ended as.
    COMPLETED = "COMPLETED"
    #: It was cancelled as a whole.
    CANCELLED = "CANCELLED"


class BatchModel(Base):
    """One batch. Its entries are the requests with its id, at consecutive queue positions."""

    __tablename__ = "batches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    #: The owning account; null: the anonymous one.
    account: Mapped[str | None] = mapped_column(String(100))
    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX))
    name: Mapped[str | None] = mapped_column(String(100))
    #: Number of entries; those deleted since are included.
    size: Mapped[int]
    #: Entries that have not ended. A trigger decrements it in the transaction that ends or deletes an entry.
    remaining: Mapped[int]
    #: The queue positions of the entries, in the order in which they were given.
    first_position: Mapped[int] = mapped_column(BigInteger)
    last_position: Mapped[int] = mapped_column(BigInteger)
    callbacks: Mapped[str] = mapped_column(String(5))
    #: How the entries ended, for `batch.completed`; set by the same trigger if a callback is owed.
    result_payload: Mapped[dict[str, Any] | None]

    # As in `requests`.
    callback_url: Mapped[str | None] = mapped_column(String(2048))
    receiver: Mapped[str | None] = mapped_column(String(300))
    callback_status: Mapped[str | None] = mapped_column(String(9))
    callback_sequence: Mapped[str] = mapped_column(String(20), server_default=text("'batch'"))
    callback_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    callback_series_start: Mapped[int] = mapped_column(server_default=text("0"))
    callback_redelivered_at: Mapped[datetime | None]
    callback_next_attempt_at: Mapped[datetime | None]
    callback_error_code: Mapped[str | None] = mapped_column(String(40))

    created_at: Mapped[datetime]
    #: When the last entry ended.
    completed_at: Mapped[datetime | None]
    #: When it was cancelled as a whole.
    cancelled_at: Mapped[datetime | None]
    callback_finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("remaining BETWEEN 0 AND size", name="remaining"),
        CheckConstraint("callbacks IN ('each', 'batch', 'both')", name="callbacks"),
        CheckConstraint("callback_status IN ('PENDING', 'SUCCESS', 'FAILED', 'CANCELLED')", name="callback_status"),
        CheckConstraint(
            "num_nonnulls(callback_url, receiver, callback_status) = CASE callbacks WHEN 'each' THEN 0 ELSE 3 END",
            name="callback_as_asked",
        ),
        CheckConstraint("(remaining = 0) = (completed_at IS NOT NULL)", name="completed_when_none_remains"),
        Index("ix_batches_newest", "account", "created_at", "id"),
        # For retention.
        Index("ix_batches_created_at", "created_at"),
        # For the lanes, and the limit of receivers per caller: undelivered callbacks by caller and receiver, in order.
        Index(
            "ix_batches_callbacks_owed",
            "caller",
            "receiver",
            "callback_sequence",
            "last_position",
            postgresql_where=text("callback_status = 'PENDING'"),
        ),
    )
