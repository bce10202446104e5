"""Frozen records passed between the parts: new requests, jobs, results, callbacks and attempts."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

import orjson

from src.logs import call_id
from src.models import Mode, Priority, Status
from src.services.identity.caller import UNNAMED, Caller, Owner
from src.services.report_generator import ReportParameters
from src.trace_context import TraceContext, current_trace

#: The sequence of callbacks that were asked for again.
REDELIVERY = "redelivery"
#: Those of `batch.completed`.
BATCH = "batch"
BATCH_REDELIVERY = "batch_redelivery"
OF_BATCHES = frozenset({BATCH, BATCH_REDELIVERY})
#: No sequence: all of a lane together.
EVERY = ""


class LaneKey(NamedTuple):
    """Names one sequence of a lane; a lane is one caller's callbacks to one receiver."""

    caller: str
    #: Scheme, host and port.
    receiver: str
    #: Whose order it keeps: a priority's, or that of what is redelivered. None waits for another.
    sequence: str = Priority.NORMAL

    @property
    def whole(self) -> "LaneKey":
        """All sequences together: what is paused, and what is shown, is told by caller and receiver."""
        return LaneKey(self.caller, self.receiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyKey:
    """A caller's key on one route, and the SHA-256 of the body it came with."""

    caller: str
    route: str
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, caller: Caller, route: str, key: str, body: Any) -> Self:
        """Create a key; the fingerprint ignores the order of the body's fields and its whitespace."""
        canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        return cls(caller=caller.name, route=route, key=key, fingerprint=hashlib.sha256(canonical).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A validated request that is to be stored."""

    id: UUID
    mode: Mode
    caller: Caller
    parameters: ReportParameters
    created_at: datetime
    #: Canonical callback URL and its receiver; async only, and both null where no callback is wanted.
    callback_url: str | None = None
    receiver: str | None = None
    idempotency_key: IdempotencyKey | None = None
    priority: Priority = Priority.NORMAL
    #: The HTTP call that submitted it, and its span: what stores it runs in the context of another call.
    call_id: str = field(default_factory=call_id.get)
    trace: TraceContext | None = field(default_factory=current_trace.get)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request has been stored. `queue_position` is None for sync."""

    request_id: UUID
    queue_position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The request that was submitted earlier with the same key and body."""

    request_id: UUID
    mode: Mode
    status: Status
    queue_position: int | None
    created_at: datetime
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An entry of the queue: an accepted async request waiting for generation."""

    request_id: UUID
    queue_position: int
    caller: str
    parameters: ReportParameters
    #: Both null where no callback is wanted.
    callback_url: str | None
    receiver: str | None
    #: How often generation was started and its process died before the end.
    generation_attempts: int
    priority: Priority = Priority.NORMAL
    owner: Owner = UNNAMED
    #: The span of the call that submitted it, if that was traced.
    trace: TraceContext | None = None
    #: The batch it was submitted in, if any.
    batch_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedReport:
    """A stored report: its parameters, and size and hash of its file."""

    request_id: UUID
    parameters: ReportParameters
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The outcome of a generation: a result, the reason for its failure, or that it was cancelled."""

    request_id: UUID
    completed_at: datetime
    #: The result as JSON text, exactly as the caller will see it; None if it failed.
    result: str | None
    failure_reason: str | None = None

    @property
    def status(self) -> Status:
        """`COMPLETED` with a result, `FAILED` with a reason, else `CANCELLED`."""
        if self.result is not None:
            return Status.COMPLETED
        return Status.CANCELLED if self.failure_reason is None else Status.FAILED


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the row says of a report that has ended."""

    status: Status
    #: Whether its callback is to be delivered.
    owed: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What a cancel changed."""

    #: Whether the report had ended, so that its callback alone was cancelled.
    callback_alone: bool
    #: The term of the process that may be working on it.
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedCallback(ABC):
    """An undelivered callback: of a report or of a batch, which has ended."""

    #: Attempts made so far, over all series.
    attempts: int = 0
    #: `attempts` when the current series began.
    series_start: int = 0
    #: When the next attempt is due; None: immediately.
    next_attempt_at: datetime | None = None
    #: When a redelivery was requested; None: this is the first delivery.
    redelivered_at: datetime | None = None
    #: When its row was last seen to owe it; null: when its report ended, in this process.
    seen_at: datetime | None = None

    @property
    @abstractmethod
    def request_id(self) -> UUID:
        """The id of the request or batch it belongs to."""

    @property
    @abstractmethod
    def batch_id(self) -> UUID | None:
        """The batch it is about, or that its request belongs to, if any."""

    @property
    @abstractmethod
    def queue_position(self) -> int:
        """Its sort key within the lane."""

    @property
    @abstractmethod
    def owner(self) -> Owner:
        """Whose it is."""

    @property
    def trace(self) -> TraceContext | None:
        """The span of the call that submitted its request, if that was traced."""
        return None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it goes."""

    @property
    @abstractmethod
    def lane(self) -> LaneKey:
        """The lane it is delivered in."""

    @property
    @abstractmethod
    def ended_at(self) -> datetime:
        """When what it tells of ended."""

    @property
    def owed_since(self) -> datetime:
        """The moment from which its expiry is counted."""
        return self.redelivered_at or self.ended_at


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedReport(OwedCallback):
    """An undelivered callback of a finished job."""

    job: Job
    finished: Finished

    @property
    def request_id(self) -> UUID:
        return self.job.request_id

    @property
    def batch_id(self) -> UUID | None:
        return self.job.batch_id

    @property
    def queue_position(self) -> int:
        return self.job.queue_position

    @property
    def owner(self) -> Owner:
        return self.job.owner

    @property
    def trace(self) -> TraceContext | None:
        return self.job.trace

    @property
    def url(self) -> str:
        assert self.job.callback_url is not None  # noqa: S101  else nothing is owed
        return self.job.callback_url

    @property
    def lane(self) -> LaneKey:
        assert self.job.receiver is not None  # noqa: S101  else nothing is owed
        sequence = REDELIVERY if self.redelivered_at else self.job.priority
        return LaneKey(self.job.caller, self.job.receiver, sequence)

    @property
    def ended_at(self) -> datetime:
        return self.finished.completed_at


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedBatch(OwedCallback):
    """An undelivered `batch.completed`."""

    id: UUID
    lane: LaneKey
    url: str
    owner: Owner
    #: That of its last entry.
    queue_position: int
    ended_at: datetime
    name: str | None
    size: int
    #: Whether it was cancelled as a whole.
    is_cancelled: bool
    #: How its entries ended, as JSON text.
    result: str

    @property
    def request_id(self) -> UUID:
        return self.id

    @property
    def batch_id(self) -> UUID:
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause of a lane, or of a receiver for every caller: only periodic probes are sent until it recovers."""

    #: Whose lane; empty: the receiver is paused for every caller.
    caller: str
    receiver: str
    paused_at: datetime
    reason: str
    probes: int
    next_probe_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One delivery attempt and its outcome; the source of its log row, log line and event."""

    #: Of the request, or of the batch if it is of one.
    request_id: UUID
    attempt_number: int
    attempted_at: datetime
    #: To the microsecond: a time computed from a rounded duration could change the order of events.
    ended_at: datetime
    status_code: int | None
    success: bool
    error_code: str | None = None
    error_message: str | None = None
    response_excerpt: str | None = None
    #: Headers specific to this attempt, hash of its body, and headers of the response; None if there was none.
    request_headers: Mapping[str, str] | None = None
    request_body_sha256: bytes | None = None
    response_headers: Mapping[str, str] | None = None
    #: When the next attempt is due; None if this was the last.
    next_attempt_at: datetime | None = None
    #: Of its request, for the log and the trace; None: the unnamed account, not known, and not traced.
    account: str | None = None
    url: str | None = None
    trace: TraceContext | None = None
    #: The batch whose callback this was, or that the request belongs to, if any.
    batch_id: UUID | None = None

    @property
    def of_batch(self) -> bool:
        """Whether it delivered the callback of a batch."""
        return self.batch_id == self.request_id

    @property
    def response_time_ms(self) -> int:
        """Duration for display, ms."""
        return round((self.ended_at - self.attempted_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLane:
    """A lane with undelivered callbacks."""

    key: LaneKey
    #: When the first of them is due (None: immediately), and the moment from which its expiry is counted.
    next_attempt_at: datetime | None
    owed_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A count of the waiting async requests."""

    total: int
    #: The callers with the most of them.
    by_caller: Mapping[str, int]
    #: Upper bound for every caller not in `by_caller`.
    of_any_other_max: int


def attempt_span(trace: TraceContext, request_id: UUID, attempt_number: int) -> TraceContext:
    """Return the span of an attempt, which the receiver is told; the same after a crash and in every process."""
    return trace.child(f"{request_id} {attempt_number}")
