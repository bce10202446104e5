"""The frozen records that travel between the parts: what is accepted, worked on, owed and tried."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

import orjson

from src.models import Mode, Priority, Status
from src.services.identity.caller import UNNAMED, Caller, Owner
from src.services.report_generator import ReportParameters

#: The sequence of callbacks that were asked for again.
REDELIVERY = "redelivery"
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
        """Take down a key; neither the order of a body's fields nor its spacing matters."""
        canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        return cls(caller=caller.name, route=route, key=key, fingerprint=hashlib.sha256(canonical).digest())


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request that has been checked and is to be stored."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request is durable. `queue_position` is null for sync."""

    request_id: UUID
    queue_position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """The key has been used with the same body: this is the request it stands for."""

    request_id: UUID
    mode: Mode
    status: Status
    queue_position: int | None
    created_at: datetime
    result: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An entry of the queue: one accepted async request that waits for its report."""

    request_id: UUID
    queue_position: int
    caller: str
    parameters: ReportParameters
    #: Both null where no callback is wanted.
    callback_url: str | None
    receiver: str | None
    #: How often a process began this report and died before its end.
    generation_attempts: int
    priority: Priority = Priority.NORMAL
    owner: Owner = UNNAMED


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedReport:
    """A report that has been stored: what it was made from, and what its file must be."""

    request_id: UUID
    parameters: ReportParameters
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How the generation of one report ended: with a result, or with the reason why not."""

    request_id: UUID
    completed_at: datetime
    #: The result as JSON text, exactly as the caller will see it; null when it failed.
    result: str | None
    failure_reason: str | None = None

    @property
    def status(self) -> Status:
        """`COMPLETED` with a result, else `FAILED`."""
        return Status.COMPLETED if self.result is not None else Status.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedCallback:
    """The callback for a job that has ended, which is to be delivered."""

    job: Job
    finished: Finished
    #: Attempts made so far, over all series.
    attempts: int = 0
    #: `attempts` when the current series began.
    series_start: int = 0
    #: When the next attempt is due; null: at once.
    next_attempt_at: datetime | None = None
    #: When a redelivery was requested; null: it has been due since its report ended.
    redelivered_at: datetime | None = None

    @property
    def request_id(self) -> UUID:
        """Whose callback it is."""
        return self.job.request_id

    @property
    def queue_position(self) -> int:
        """Its place in the order of its lane."""
        return self.job.queue_position

    @property
    def url(self) -> str:
        """Where it goes."""
        assert self.job.callback_url is not None  # noqa: S101  else nothing is owed
        return self.job.callback_url

    @property
    def lane(self) -> LaneKey:
        """The lane it is delivered in."""
        assert self.job.receiver is not None  # noqa: S101  else nothing is owed
        sequence = REDELIVERY if self.redelivered_at else self.job.priority
        return LaneKey(self.job.caller, self.job.receiver, sequence)

    @property
    def owed_since(self) -> datetime:
        """What its expiry is counted from."""
        return self.redelivered_at or self.finished.completed_at


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
    """One HTTP try and what came of it: the log row, the log line and the event are made from this."""

    request_id: UUID
    attempt_number: int
    attempted_at: datetime
    #: When it ended, to the microsecond: a time made of a rounded duration would change the order of events.
    ended_at: datetime
    status_code: int | None
    success: bool
    error_code: str | None = None
    error_message: str | None = None
    response_excerpt: str | None = None
    #: What it alone sent, and what it was answered; null where nothing was.
    request_headers: Mapping[str, str] | None = None
    request_body_sha256: bytes | None = None
    response_headers: Mapping[str, str] | None = None
    #: When the attempt after this one is due; null when this one was the last.
    next_attempt_at: datetime | None = None

    @property
    def response_time_ms(self) -> int:
        """How long it took, for display; ms."""
        return round((self.ended_at - self.attempted_at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedLane:
    """A lane with callbacks that are owed."""

    key: LaneKey
    #: When the first of them is due (null: at once), and what its expiry is counted from.
    next_attempt_at: datetime | None
    owed_since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many async requests wait, when they were counted."""

    total: int
    #: Of the callers that have most.
    by_caller: Mapping[str, int]
    #: Every caller that is not named has at most so many.
    of_any_other_max: int
