"""The `requests` table: one row per requested report, with its status and its callback."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from src.models.base import CALLER_LENGTH_MAX, Base


class Mode(StrEnum):
    """How the report is returned."""

    #: In the response, once the report exists.
    SYNC = "sync"
    #: The request is acknowledged at once; the result is delivered to the callback URL.
    ASYNC = "async"


class Status(StrEnum):
    """The status of the report."""

    #: Accepted, durable and queued.
    PENDING = "PENDING"
    #: Being generated.
    PROCESSING = "PROCESSING"
    #: The report exists.
    COMPLETED = "COMPLETED"
    #: There will be no report; see `failure_reason`.
    FAILED = "FAILED"
    #: There will be no report: its caller cancelled it.
    CANCELLED = "CANCELLED"


class Priority(StrEnum):
    """How urgent an async report is; within one the order of acceptance holds."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class CallbackStatus(StrEnum):
    """The status of a request's callback, independent of the report's status; null where none was asked for."""

    #: Not delivered yet: not due, due, or waiting for its next attempt.
    PENDING = "PENDING"
    #: Acknowledged by the receiver with a 2xx.
    SUCCESS = "SUCCESS"
    #: All attempts failed, or a response ruled out further ones.
    FAILED = "FAILED"
    #: No attempt begins any more: its caller cancelled it.
    CANCELLED = "CANCELLED"


#: Which way a callback can end is only open once the report has ended.
ENDED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
#: The requests listed in the history.
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
    #: The owning account; null: the anonymous one.
    account: Mapped[str | None] = mapped_column(String(100))
    #: The caller's name, to which limits apply; an address if authentication is off.
    caller: Mapped[str] = mapped_column(String(CALLER_LENGTH_MAX))
    #: The parameters with all defaults filled in: the report is a pure function of them.
    input_payload: Mapped[dict[str, Any]]
    #: The result as returned to the caller: file, size, sha256 and summary.
    result_payload: Mapped[dict[str, Any] | None]
    failure_reason: Mapped[str | None] = mapped_column(Text)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    #: Unique and increasing, in the order of acceptance; async only.
    queue_position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    priority: Mapped[str] = mapped_column(String(6), server_default=text("'normal'"))
    #: Number of times generation was started; more than one means that a process died.
    generation_attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))

    callback_url: Mapped[str | None] = mapped_column(String(2048))
    #: Scheme, host and port of the callback URL; caller and receiver identify the lane.
    receiver: Mapped[str | None] = mapped_column(String(300))
    callback_status: Mapped[str | None] = mapped_column(String(9))
    #: Its order in the lane: that of its priority, or that of what is redelivered.
    callback_sequence: Mapped[str] = mapped_column(String(10), server_default=text("'normal'"))
    #: Number of attempts so far, over all series.
    callback_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    #: `callback_attempts` at the start of the current series; a redelivery starts a new one.
    callback_series_start: Mapped[int] = mapped_column(server_default=text("0"))
    #: When a redelivery was requested; its expiry counts from here.
    callback_redelivered_at: Mapped[datetime | None]
    #: The bulk redelivery that requested it last, if one did.
    redelivery_id: Mapped[UUID | None]
    #: When the next attempt is due; null: at once.
    callback_next_attempt_at: Mapped[datetime | None]

    #: Of the last attempt; null when it succeeded, or when there was none.
    callback_error_code: Mapped[str | None] = mapped_column(String(40))

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    #: When the report ended. Null with `CANCELLED`: `report.cancelled` is owed once it is its turn in the queue.
    completed_at: Mapped[datetime | None]
    #: When the request, or its callback alone, was cancelled.
    cancelled_at: Mapped[datetime | None]
    callback_finished_at: Mapped[datetime | None]

    #: The span of the call that submitted it (W3C Trace Context); null where nothing is traced.
    traceparent: Mapped[str | None] = mapped_column(String(55))

    #: The batch it was submitted in, if any. No foreign key: it would be checked for each entry that is accepted.
    batch_id: Mapped[UUID | None]
    #: The benchmark run that sent it. It is processed like any other request, but not listed in the history.
    run_id: Mapped[UUID | None]

    __table_args__ = (
        _one_of("mode", Mode),
        _one_of("status", Status),
        _one_of("priority", Priority),
        _one_of("callback_status", CallbackStatus),
        CheckConstraint("(mode = 'async') = (queue_position IS NOT NULL)", name="async_has_position"),
        CheckConstraint(
            "num_nonnulls(callback_url, receiver, callback_status) IN (0, CASE mode WHEN 'async' THEN 3 ELSE 0 END)",
            name="async_may_have_callback",
        ),
        CheckConstraint("(status = 'COMPLETED') = (result_payload IS NOT NULL)", name="completed_has_result"),
        CheckConstraint("(status = 'FAILED') = (failure_reason IS NOT NULL)", name="failed_has_reason"),
        CheckConstraint(
            "CASE WHEN status = 'CANCELLED' THEN completed_at IS NOT NULL OR callback_status = 'PENDING'"
            " ELSE (status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL) END",
            name="ended_has_completed_at",
        ),
        CheckConstraint(
            "'CANCELLED' NOT IN (status, coalesce(callback_status, '')) OR cancelled_at IS NOT NULL",
            name="cancelled_has_cancelled_at",
        ),
        # For the feed and recovery: only contains unfinished requests.
        Index(
            "ix_requests_unfinished",
            "priority",
            "queue_position",
            postgresql_where=text("mode = 'async' AND completed_at IS NULL"),
        ),
        # For failing the sync requests of a process that died.
        Index(
            "ix_requests_unfinished_sync",
            "created_at",
            postgresql_where=text("mode = 'sync' AND status = 'PROCESSING'"),
        ),
        # For the lanes: undelivered callbacks by caller and receiver, in order.
        Index(
            "ix_requests_callbacks_owed",
            "caller",
            "receiver",
            "callback_sequence",
            "queue_position",
            postgresql_where=text("callback_status = 'PENDING' AND completed_at IS NOT NULL"),
        ),
        # The receivers of pending requests, which count towards the limit of receivers per caller.
        Index(
            "ix_requests_waiting_receivers",
            "caller",
            "receiver",
            postgresql_where=text("mode = 'async' AND status = 'PENDING'"),
        ),
        # Keyset pagination of the list, newest first: unfiltered, and one range per combination of filters.
        Index("ix_requests_newest", "created_at", "id", postgresql_where=_LISTED),
        # The same for one named account; empty in open mode.
        Index(
            "ix_requests_newest_of_account",
            "account",
            "created_at",
            "id",
            postgresql_where=text("account IS NOT NULL AND run_id IS NULL"),
        ),
        Index(
            "ix_requests_newest_by_state",
            "mode",
            "status",
            "callback_status",
            "created_at",
            "id",
            postgresql_where=_LISTED,
        ),
        # The same by receiver and by the error of the last attempt, for what has ended: an entry is written once in a
        # request's life, not with each change. What is open is looked through by its state.
        Index(
            "ix_requests_newest_by_receiver",
            "receiver",
            "status",
            "callback_status",
            "created_at",
            "id",
            postgresql_ops={"receiver": "varchar_pattern_ops"},
            postgresql_where=text("receiver IS NOT NULL AND callback_status <> 'PENDING' AND run_id IS NULL"),
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
            postgresql_where=text(
                "idempotency_key IS NOT NULL AND callback_status IS DISTINCT FROM 'PENDING' AND run_id IS NULL"
            ),
        ),
        # For counting how the callbacks of a bulk redelivery ended.
        Index(
            "ix_requests_redelivery",
            "redelivery_id",
            "callback_status",
            postgresql_where=text("redelivery_id IS NOT NULL"),
        ),
        # The entries of a batch, in order.
        Index("ix_requests_batch", "batch_id", "queue_position", postgresql_where=text("batch_id IS NOT NULL")),
        # For deleting the requests of a benchmark run.
        Index("ix_requests_run", "run_id", postgresql_where=text("run_id IS NOT NULL")),
        # Every status change rewrites the row; free space in the page allows HOT updates within it.
        {"postgresql_with": {"fillfactor": "80"}},
    )
