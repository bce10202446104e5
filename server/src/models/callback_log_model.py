"""The `callback_logs` and `batch_callback_logs` tables: one row per attempt to deliver a callback."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class _AttemptColumns:
    """What is logged of an attempt, whatever its callback is about."""

    attempt_number: Mapped[int]
    #: Null if there was no response.
    status_code: Mapped[int | None]
    success: Mapped[bool]
    #: A stable code for programs, such as `timeout`; null on success.
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    #: The first KiB of the response body, as text.
    response_excerpt: Mapped[str | None] = mapped_column(Text)
    response_time_ms: Mapped[int]
    attempted_at: Mapped[datetime]
    #: When the next attempt is due; null if this was the last one.
    next_attempt_at: Mapped[datetime | None]
    #: The headers specific to this attempt; the others are the same for every attempt.
    request_headers: Mapped[dict[str, Any] | None]
    #: Hash of the body, which can be rebuilt from the request or the batch.
    request_body_sha256: Mapped[bytes | None]
    #: The first 2 KiB of the response headers, as text.
    response_headers: Mapped[dict[str, Any] | None]


def _checks() -> tuple[CheckConstraint, ...]:
    return (
        CheckConstraint("attempt_number >= 1", name="attempt_number"),
        CheckConstraint("status_code BETWEEN 100 AND 599", name="status_code"),
        CheckConstraint("response_time_ms >= 0", name="response_time_ms"),
    )


class CallbackLogModel(_AttemptColumns, Base):
    """One attempt to deliver a request's callback, successful or not."""

    __tablename__ = "callback_logs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("requests.id", ondelete="CASCADE"))

    __table_args__ = (
        *_checks(),
        # Makes recording idempotent: it is retried if the response to the INSERT was lost.
        Index("uq_callback_logs_request_id_attempt_number", "request_id", "attempt_number", unique=True),
    )


class BatchCallbackLogModel(_AttemptColumns, Base):
    """One attempt to deliver a batch's callback, successful or not."""

    __tablename__ = "batch_callback_logs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"))

    __table_args__ = (
        *_checks(),
        Index("uq_batch_callback_logs_batch_id_attempt_number", "batch_id", "attempt_number", unique=True),
    )
