"""What is sent and answered about batches."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Strict

from src.models import BatchStatus, Callbacks, CallbackStatus
from src.routes.wire.callback_logs import CallbackLog
from src.routes.wire.requests import ABSENT, CALLBACK_URL_LENGTH_MAX, AsyncRequest, PlainText, RequestItem
from src.services.requests.batch_records import ENTRIES_MAX
from src.services.requests.batches import BatchState

_BATCH_ID = "0197c1e2-7a3b-7d10-8e42-5b6c7d8e9f01"
_ENTRY_ID = "0197c1e2-7a3c-7a55-b1c2-d3e4f5061728"


class BatchRequest(BaseModel):
    """Reports that are accepted together: all of them or none."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "name": "Month end",
                    "requests": [
                        {"payload": {"num_transactions": 200, "report_name": "Berlin"}},
                        {"payload": {"num_transactions": 200, "report_name": "Paris"}, "priority": "low"},
                    ],
                    "callback_url": "http://localhost:8000/api/callbacks/receive",
                    "callbacks": "batch",
                }
            ]
        },
    )

    name: PlainText = Field(default=ABSENT, min_length=1, max_length=100, description="A name; data only.")
    requests: list[AsyncRequest] = Field(
        min_length=1, max_length=ENTRIES_MAX, description="As for `POST /api/async`, in the order of their positions."
    )
    callback_url: Annotated[str, Strict()] = Field(
        default=ABSENT,
        max_length=CALLBACK_URL_LENGTH_MAX,
        description="Where `batch.completed` is sent once every report has ended; by the rules of a request's.",
    )
    callbacks: Callbacks = Field(
        default=Callbacks.EACH,
        description="`each`: every request to its own `callback_url`, if it has one; `batch`: once to the batch's.",
    )


class BatchMember(BaseModel):
    """One request of a batch, as it was accepted."""

    index: int = Field(description="Its place in the body, from 0.")
    request_id: UUID
    queue_position: int
    status_url: str


class BatchAccepted(BaseModel):
    """The whole batch is durable, and its requests have consecutive places in the queue."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "batch_id": _BATCH_ID,
                    "status": "pending",
                    "status_url": f"/api/batches/{_BATCH_ID}",
                    "count": 1,
                    "first_position": 41,
                    "last_position": 41,
                    "requests": [
                        {
                            "index": 0,
                            "request_id": _ENTRY_ID,
                            "queue_position": 41,
                            "status_url": f"/api/requests/{_ENTRY_ID}",
                        }
                    ],
                }
            ]
        }
    )

    batch_id: UUID
    status: Literal["pending", "duplicate"] = Field(
        description="`duplicate`: the idempotency key was used before; no new work was begun."
    )
    status_url: str
    count: int
    first_position: int
    last_position: int
    requests: list[BatchMember] = Field(description="Of a duplicate without those that were deleted since.")


class BatchCounts(BaseModel):
    """How many requests of a batch are in which state."""

    PENDING: int
    PROCESSING: int
    COMPLETED: int
    FAILED: int
    CANCELLED: int
    deleted: int


class Batch(BaseModel):
    """A batch, and how its requests stand."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "batch_id": _BATCH_ID,
                    "name": "Month end",
                    "status": "PROCESSING",
                    "count": 20,
                    "counts": {"PENDING": 7, "PROCESSING": 1, "COMPLETED": 11, "FAILED": 0, "deleted": 1},
                    "callback_counts": {"PENDING": 8, "SUCCESS": 11, "FAILED": 0},
                    "progress": 0.6,
                    "callbacks": "each",
                    "callback_url": None,
                    "callback_status": None,
                    "first_position": 41,
                    "last_position": 60,
                    "created_at": "2026-01-31T09:30:00Z",
                    "completed_at": None,
                }
            ]
        }
    )

    batch_id: UUID
    name: str | None
    status: BatchStatus = Field(
        description="`PENDING` until a request begins, `COMPLETED` when every one has ended, whatever each ended as."
    )
    count: int = Field(description="How many were submitted.")
    counts: BatchCounts
    callback_counts: dict[CallbackStatus, int] = Field(description="Of the requests that have a callback.")
    progress: float = Field(description="The share that has ended, 0 to 1.")
    callbacks: Callbacks
    callback_url: str | None
    callback_status: CallbackStatus | None = Field(description="Of `batch.completed`; null where none was asked for.")
    first_position: int
    last_position: int
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, state: BatchState) -> Self:
        """Show a batch."""
        row = state.row
        return cls(
            batch_id=row.id,
            name=row.name,
            status=state.status,
            count=row.size,
            counts=BatchCounts(
                **{status.value: number for status, number in state.by_status.items()}, deleted=state.deleted
            ),
            callback_counts=state.by_callback_status,
            progress=state.progress,
            callbacks=row.callbacks,
            callback_url=row.callback_url,
            callback_status=row.callback_status,
            first_position=row.first_position,
            last_position=row.last_position,
            created_at=row.created_at,
            completed_at=row.completed_at,
        )


class BatchList(BaseModel):
    """A page of batches, newest first."""

    batches: list[Batch]
    next_cursor: str | None


class BatchEntry(RequestItem):
    """A request of a batch."""

    index: int = Field(description="Its place in the batch, from 0.")
    sha256: str | None = Field(description="Of the report's bytes, in hex; null while there is none.")
    download_url: str | None


class BatchEntries(BaseModel):
    """A page of the requests of a batch, in the order of their positions, without those that were deleted."""

    requests: list[BatchEntry]
    next_cursor: str | None


class CancelBatchRequest(BaseModel):
    """How to cancel; may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [{"notify": True}]})

    notify: Annotated[bool, Strict()] = Field(
        default=False,
        description="Receivers are told all the same: `batch.completed` with the status `cancelled`, and"
        " `report.cancelled` of each request that has a callback of its own.",
    )


class BatchRedeliverAnswer(BaseModel):
    """The callback will be sent again."""

    batch_id: UUID
    status: Literal["pending"]
    message: str


class BatchCallbackLogs(BaseModel):
    """Every attempt to deliver `batch.completed`, first one first."""

    batch_id: UUID
    total_attempts: int
    logs: list[CallbackLog]


def batch_event(state: BatchState) -> Any:
    """Show a batch in an event."""
    return Batch.of(state).model_dump(mode="json")
