"""What is asked and answered about bulk redeliveries."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from src.models import RedeliveryStatus
from src.routes.wire.moments import Moment
from src.routes.wire.requests import ABSENT, PlainText, RequestItem
from src.services.delivery.attempts import LoggedErrorCode
from src.services.outbound.callback_url import parse_origin
from src.services.requests.redeliveries import CALLBACKS_MAX, RedeliveryFilter, RedeliveryState

_RFC_3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_FILTER: dict[str, Any] = {"receiver": "https://hooks.example.com:443", "since": "2026-01-31T09:30:00Z"}


def _written_as_rfc_3339(value: Any) -> Any:
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise ValueError("write a time as RFC 3339 does, such as 2026-01-31T09:30:00Z")
    return value


def _canonical(receiver: str) -> str:
    try:
        return parse_origin(receiver)
    except ValueError:
        raise ValueError("a receiver is scheme, host and port, such as http://127.0.0.1:9001") from None


BodyMoment = Annotated[Moment, BeforeValidator(_written_as_rfc_3339)]


class RedeliveryFilterBody(BaseModel):
    """Which callbacks: those for which everything that is given holds. One field at least."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callback_status: Literal["SUCCESS", "FAILED", "CANCELLED"] = Field(
        default=ABSENT, description="How the callback ended."
    )
    receiver: Annotated[PlainText, AfterValidator(_canonical)] = Field(
        default=ABSENT, min_length=1, max_length=300, description="Scheme, host and port."
    )
    error_code: LoggedErrorCode = Field(default=ABSENT, description="How the last attempt failed.")
    batch_id: UUID = Field(default=ABSENT, description="Submitted in this batch.")
    since: BodyMoment = Field(default=ABSENT, description="Accepted at this time or later, RFC 3339.")
    until: BodyMoment = Field(default=ABSENT, description="Accepted before this time, RFC 3339.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("give at least one field, so that nobody redelivers everything by accident")
        if {"since", "until"} <= self.model_fields_set and self.until <= self.since:
            raise ValueError("until comes after since")
        return self

    @property
    def wanted(self) -> RedeliveryFilter:
        """The filter as the services know it."""
        return RedeliveryFilter(**{name: getattr(self, name) for name in self.model_fields_set})


class RedeliveryRequest(BaseModel):
    """Which callbacks to deliver again; a dry run first."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"filter": _FILTER, "dry_run": False, "expected_count": 312}]},
    )

    filter: RedeliveryFilterBody
    dry_run: Annotated[bool, Strict()] = Field(default=True, description="Only see what matches.")
    expected_count: Annotated[int, Strict()] = Field(
        default=ABSENT,
        ge=0,
        le=CALLBACKS_MAX,
        description="`count` of the dry run, needed without one: if it is off by more than a tenth, nothing starts.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.dry_run and "expected_count" not in self.model_fields_set:
            raise ValueError("without a dry run give expected_count, the count that the dry run returned")
        return self


class RedeliveryPreview(BaseModel):
    """What matches now. Nothing was changed."""

    count: int
    by_receiver: dict[str, int] = Field(description="The 100 receivers with most.")
    sample: list[RequestItem] = Field(description="The first ten, in the order in which they would be delivered.")


class RedeliveryStarted(BaseModel):
    """The redelivery is under way."""

    id: UUID
    count: int
    status: RedeliveryStatus
    status_url: str


class Redelivery(BaseModel):
    """A bulk redelivery, and how it goes."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "5b2a8c9e-3f41-4a57-9d0e-7c6b1f2a8d34",
                    "status": "RUNNING",
                    "filter": _FILTER,
                    "count": 312,
                    "queued": 120,
                    "succeeded": 117,
                    "failed": 1,
                    "created_at": "2026-01-31T12:00:00Z",
                    "ended_at": None,
                    "settled_at": None,
                }
            ]
        }
    )

    id: UUID
    status: RedeliveryStatus = Field(description="`COMPLETED`: all are queued; attempts may still be under way.")
    filter: dict[str, str]
    count: int = Field(description="How many matched at the start.")
    queued: int = Field(description="How many are due again, or were.")
    succeeded: int
    failed: int = Field(
        description="Callbacks that were cancelled, or whose request was deleted, since then count neither here nor as"
        " succeeded."
    )
    created_at: datetime
    ended_at: datetime | None = Field(description="When the last one was queued, or it was cancelled.")
    settled_at: datetime | None = Field(description="When none of those that were queued was owed any more.")

    @classmethod
    def of(cls, state: RedeliveryState) -> Self:
        """Show one."""
        row = state.row
        return cls(
            id=row.id,
            status=row.status,
            filter=row.filter,
            count=row.count,
            queued=row.queued,
            succeeded=state.succeeded,
            failed=state.failed,
            created_at=row.created_at,
            ended_at=row.ended_at,
            settled_at=row.settled_at,
        )


class RedeliveryList(BaseModel):
    """A page of redeliveries, newest first."""

    redeliveries: list[Redelivery]
    next_cursor: str | None
