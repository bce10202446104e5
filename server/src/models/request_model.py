"""The `requests` table: one row for every report asked for, its state and the callback owed for it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import Base


class Mode(StrEnum):
    """How the caller wants the answer."""

    #: The connection is held until the report exists.
    SYNC = "sync"
    #: Acknowledged at once; the result is delivered to the callback URL.
    ASYNC = "async"


class Status(StrEnum):
    """Where the report is."""

    #: Accepted and durable; waits for its turn.
    PENDING = "PENDING"
    #: Being generated now.
    PROCESSING = "PROCESSING"
    #: The report exists.
    COMPLETED = "COMPLETED"
    #: There will be no report; `failure_reason` says why.
    FAILED = "FAILED"


class CallbackStatus(StrEnum):
    """Where the callback of an async request is; a fact apart from the report's status."""

    #: Owed: not due yet, due, or waiting for its next attempt.
    PENDING = "PENDING"
    #: A receiver acknowledged it with a 2xx.
    SUCCESS = "SUCCESS"
    #: Every attempt is used up, or an answer forbade another.
    FAILED = "FAILED"


#: Which way a callback can end is only open once the report has ended.
ENDED = (Status.COMPLETED, Status.FAILED)
#: What stands in the history.
_LISTED = text("run_id IS NULL")


def _one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


class RequestModel(Base):
    """One request for a report."""

    __tablename__ = "requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    mode: Mapped[str] = mapped_column(String(5))
    status: Mapped[str] = mapped_column(String(10))
    #: The account that owns it; null: the one without a name.
    account: Mapped[str | None] = mapped_column(String(100))
    #: The name that is counted: in the open mode an address.
    caller: Mapped[str] = mapped_column(String(64))
    #: The parameters with every default filled in: the report is a pure function of them.
    input_payload: Mapped[dict[str, Any]]
    #: The result as the caller sees it: file, size, sha256 and summary.
    result_payload: Mapped[dict[str, Any] | None]
    failure_reason: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    #: Only grows, unique, in the order of acceptance; async only.
    queue_position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    #: How often generation was begun; more than one tells of a process that died.
    generation_attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    callback_url: Mapped[str | None] = mapped_column(String(2048))
    #: Scheme, host and port of the callback URL; with the caller the lane it is delivered in.
    receiver: Mapped[str | None] = mapped_column(String(300))
    callback_status: Mapped[str | None] = mapped_column(String(7))
    #: Attempts made so far, over all series.
    callback_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    #: `callback_attempts` when the current series began; a redelivery begins a new one.
    callback_series_start: Mapped[int] = mapped_column(server_default=text("0"))
    #: When somebody asked for the callback again; it expires counted from here.
    callback_redelivered_at: Mapped[datetime | None]
    #: When the next attempt is due; null: at once.
    callback_next_attempt_at: Mapped[datetime | None]

    #: Of the last attempt; null when it succeeded, or when there was none.
    callback_error_code: Mapped[str | None] = mapped_column(String(40))

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    callback_finished_at: Mapped[datetime | None]

    #: The measurement that sent it: it is worked on like any other, but stands in nobody's history.
    run_id: Mapped[UUID | None]

    __table_args__ = (
        _one_of("mode", Mode),
        _one_of("status", Status),
        _one_of("callback_status", CallbackStatus),
        CheckConstraint(
            "num_nonnulls(queue_position, callback_url, receiver, callback_status)"
            " = CASE mode WHEN 'async' THEN 4 ELSE 0 END",
            name="async_has_position_and_callback",
        ),
        CheckConstraint("(status = 'COMPLETED') = (result_payload IS NOT NULL)", name="completed_has_result"),
        CheckConstraint("(status = 'FAILED') = (failure_reason IS NOT NULL)", name="failed_has_reason"),
        CheckConstraint(
            "(status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL)", name="ended_has_completed_at"
        ),
        # What the feed and recovery read: never larger than what is unfinished.
        Index(
            "ix_requests_unfinished",
            "queue_position",
            postgresql_where=text("mode = 'async' AND status IN ('PENDING', 'PROCESSING')"),
        ),
        # What an interrupted process left of its sync requests.
        Index(
            "ix_requests_unfinished_sync",
            "created_at",
            postgresql_where=text("mode = 'sync' AND status = 'PROCESSING'"),
        ),
        # What the lanes read: callbacks that are owed, by caller and receiver and in order.
        Index(
            "ix_requests_callbacks_owed",
            "caller",
            "receiver",
            "queue_position",
            postgresql_where=text("callback_status = 'PENDING' AND status IN ('COMPLETED', 'FAILED')"),
        ),
        # The receivers of what waits: with those of what is owed they are limited for each caller.
        Index(
            "ix_requests_waiting_receivers",
            "caller",
            "receiver",
            postgresql_where=text("mode = 'async' AND status = 'PENDING'"),
        ),
        # Keyset pages of the list, newest first: unfiltered, and one range for each combination of filters.
        Index("ix_requests_newest", "created_at", "id", postgresql_where=_LISTED),
        Index(
            "ix_requests_newest_by_state",
            "mode",
            "status",
            "callback_status",
            "created_at",
            "id",
            postgresql_where=_LISTED,
        ),
        # The same by receiver and by the error of the last attempt: only what failed pays for the latter.
        Index(
            "ix_requests_newest_by_receiver",
            "receiver",
            "status",
            "callback_status",
            "created_at",
            "id",
            postgresql_ops={"receiver": "varchar_pattern_ops"},
            postgresql_where=text("receiver IS NOT NULL AND run_id IS NULL"),
        ),
        Index(
            "ix_requests_newest_by_error",
            "callback_error_code",
            "status",
            "callback_status",
            "created_at",
            "id",
            postgresql_where=text("callback_error_code IS NOT NULL AND run_id IS NULL"),
        ),
        Index(
            "ix_requests_idempotency_key",
            "idempotency_key",
            postgresql_where=text("idempotency_key IS NOT NULL AND run_id IS NULL"),
        ),
        # What a run leaves behind.
        Index("ix_requests_run", "run_id", postgresql_where=text("run_id IS NOT NULL")),
        # Every status change rewrites the row; room in the page keeps the new version near the old.
        {"postgresql_with": {"fillfactor": "80"}},
    )
