"""The wire: what callers send and what they are sent. Strict on the way in, complete on the way out."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self, cast
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)

from src.models import CallbackStatus, Mode, Priority, Status
from src.services.report_generator import PERIOD_DAYS_MAX, SEED_MAX, TRANSACTIONS_MAX
from src.services.reports.currencies import CURRENCIES

CALLBACK_URL_LENGTH_MAX = 2_048
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _plain_text(text: str) -> str:
    """Refuse what cannot be shown or stored: control characters, line separators, lone surrogates."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _calendar_date(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("a date is written as YYYY-MM-DD")
    return date.fromisoformat(value)


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError("not an ISO 4217 currency code that is in use")
    return code


#: For the document; the check itself also knows lone surrogates, which patterns do not agree on.
_PLAIN_TEXT_PATTERN = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
PlainText = Annotated[
    str, Strict(), AfterValidator(_plain_text), Field(json_schema_extra={"pattern": _PLAIN_TEXT_PATTERN})
]
CalendarDate = Annotated[
    date,
    BeforeValidator(_calendar_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-01"]}),
]
Currency = Annotated[str, Strict(), Field(pattern=r"^[A-Z]{3}$"), AfterValidator(_known_currency)]
#: Absent, not null: a field that may be left out, but if it is there, it has its type.
ABSENT = cast("Any", None)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReportRequest(_Body):
    """What a report is to contain. Every field may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"num_transactions": 50, "report_name": "Q1_Report"}]})

    # How many are possible depends on the way and on the settings: the controllers say so, with the bound that holds.
    num_transactions: Annotated[int, Strict()] = Field(
        default=50,
        ge=1,
        description="Rows of the report: in sync up to SYNC_MAX_TRANSACTIONS, else up to ASYNC_MAX_TRANSACTIONS "
        "(see `GET /api/settings`).",
        json_schema_extra={"maximum": TRANSACTIONS_MAX},
    )
    report_name: PlainText = Field(
        default="Monthly_Report", min_length=1, max_length=100, description="A name; data, never part of a path."
    )
    seed: Annotated[int, Strict()] = Field(
        default=ABSENT,
        ge=-SEED_MAX,
        le=SEED_MAX,
        description="The same parameters and seed give the same bytes. Left out: derived from the name.",
    )
    period_start: CalendarDate = Field(default=ABSENT, description="First day of the report.")
    period_end: CalendarDate = Field(default=ABSENT, description="The day after the last day of the report.")
    currency: Currency = Field(default="USD", description="ISO 4217 code.")

    @model_validator(mode="after")
    def _check_period(self) -> Self:
        if ("period_start" in self.model_fields_set) != ("period_end" in self.model_fields_set):
            raise ValueError("give both period_start and period_end, or neither")
        if self.period is not None:
            days = (self.period_end - self.period_start).days
            if not 1 <= days <= PERIOD_DAYS_MAX:
                raise ValueError(f"period_end must be 1 to {PERIOD_DAYS_MAX:,} days after period_start")
        return self

    @property
    def period(self) -> tuple[date, date] | None:
        """The period asked for, half-open; None for the default."""
        return (self.period_start, self.period_end) if "period_start" in self.model_fields_set else None


class AsyncRequest(_Body):
    """A report, and where to deliver it, if anywhere."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "payload": {"num_transactions": 200, "report_name": "Annual"},
                    "callback_url": "http://localhost:8000/api/callbacks/receive",
                }
            ]
        }
    )

    payload: ReportRequest = Field(default_factory=ReportRequest)
    callback_url: Annotated[str, Strict()] = Field(
        default=ABSENT,
        max_length=CALLBACK_URL_LENGTH_MAX,
        description="Where the result is sent: http or https, a public address, no user info. Left out: nowhere; "
        "it is read at `status_url`, or waited for with `Prefer: wait=N`.",
    )
    priority: Priority = Field(
        default=Priority.NORMAL,
        description="Reports of one priority keep their order; between priorities turns go by `PRIORITY_SHARES`.",
    )


class CancelRequest(_Body):
    """How to cancel; may be left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"notify": True}]})

    notify: Annotated[bool, Strict()] = Field(
        default=False,
        description="Where the report has not ended, its receiver gets `report.cancelled` instead, in its place in the"
        " order.",
    )


class Summary(BaseModel):
    """The exact sums of a report's rows; money is a decimal string with the currency's own number of decimals."""

    total_transactions: int
    total_revenue: str
    total_expenses: str
    net_income: str
    currency: str


class ReportResult(BaseModel):
    """A report that exists."""

    request_id: UUID
    mode: Mode
    status: Literal["completed"]
    report_name: str
    file_name: str
    file_size_bytes: int
    sha256: str = Field(description="Of the file's bytes, in hex.")
    download_url: str
    summary: Summary
    processing_time_ms: int


class AcceptedAnswer(BaseModel):
    """The request is durable and has its place in the queue."""

    request_id: UUID
    queue_position: int
    status: Literal["pending"]
    message: str
    status_url: str


class FailedAnswer(BaseModel):
    """The report that was waited for has failed, or was cancelled."""

    request_id: UUID
    mode: Mode
    status: Literal["failed", "cancelled"]
    reason: str


class DuplicateAnswer(BaseModel):
    """The idempotency key was used before: this is the request it stands for. No new work was begun."""

    status: Literal["duplicate"]
    request_id: UUID
    queue_position: int | None
    message: str
    original_result: ReportResult | None
    status_url: str | None = Field(default=None, description="Where the request is; async only.")


#: No account has this name.
NOT_SHOWN = ""


class RequestItem(BaseModel):
    """One request in a list."""

    id: UUID
    request_id: UUID = Field(description="The same as `id`, under the name that POST answers use.")
    mode: Mode
    status: Status
    report_name: str
    num_transactions: int
    queue_position: int | None
    priority: Priority
    batch_id: UUID | None = Field(description="The batch it was submitted in, if any.")
    callback_url: str | None
    callback_status: CallbackStatus | None
    callback_attempts: int
    callback_next_attempt_at: datetime | None
    failure_reason: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None = Field(
        description="When the report ended; null until a receiver that is to be told of a cancel is told."
    )
    cancelled_at: datetime | None = Field(description="When the request, or its callback alone, was cancelled.")
    account: str | None = Field(
        default_factory=lambda: NOT_SHOWN,
        exclude_if=lambda account: account == NOT_SHOWN,
        description="Whose it is, with `admin` alone; null: the account without a name.",
    )


class RequestDetail(RequestItem):
    """Everything about one request."""

    input_payload: dict[str, Any] = Field(description="The parameters with every default filled in.")
    result_payload: ReportResult | None
    idempotency_key: str | None
    generation_attempts: int = Field(description="How often generation was begun.")
    place_in_line: int | None = Field(description="How many are ahead now; null unless it waits.")
    webhook_id: str | None = Field(description="Stays the same over all attempts; null without a callback.")
    callback_finished_at: datetime | None
    callback_redelivered_at: datetime | None = Field(description="When it was last redelivered by hand, if ever.")
    reason: str | None = Field(description="Why the request or its callback has not ended yet; null when both have.")


class RequestList(BaseModel):
    """A page of requests, newest first."""

    requests: list[RequestItem]
    next_cursor: str | None


class RequestCounts(BaseModel):
    """How many requests there are, by state."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "total": 42,
                    "by_status": {"PENDING": 1, "PROCESSING": 1, "COMPLETED": 37, "FAILED": 2, "CANCELLED": 1},
                    "by_callback_status": {"PENDING": 3, "SUCCESS": 30, "FAILED": 2, "CANCELLED": 1},
                    "exact": True,
                }
            ]
        },
    )

    total: int
    by_status: dict[Status, int]
    by_callback_status: dict[CallbackStatus, int] = Field(description="Requests without a callback are not among them.")
    exact: bool = Field(description="False: there are at least so many.")


class RedeliverAnswer(BaseModel):
    """The callback will be sent again."""

    request_id: UUID
    status: Literal["pending"]
    message: str


class DeletedAnswer(BaseModel):
    """The request is gone."""

    deleted: Literal[True]
    id: UUID


class AllDeletedAnswer(BaseModel):
    """Every request that was not being processed is gone."""

    deleted: Literal[True]
    count: int


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the body, or the parameter's name.")
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 describes it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: UUID | None = None
    errors: list[FieldProblem] | None = None
