"""Observer hooks: logging, live updates and metrics receive the same frozen records.

Hooks are called synchronously, on the thread of the event: they must neither block nor raise.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from src.models import Mode, Status
from src.services.requests.records import Attempt, NewRequest, Pause
from src.trace_context import TraceContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A submission was refused with a problem, and nothing was stored."""

    mode: Mode
    #: The problem's type without its prefix, such as `rate-limited`.
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Generation of a report has ended, successfully or not."""

    request_id: UUID
    mode: Mode
    status: Status
    #: From acceptance to the start of generation, and from there to its end; None if it never started.
    waiting_s: float
    generating_s: float | None
    created_at: datetime
    #: Of the report; 0 where there is none.
    rows: int = 0
    size_bytes: int = 0
    #: None: the unnamed account.
    account: str | None = None
    #: The span of the call that submitted it, if that was traced.
    trace: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class TermBegun:
    """This process has become the leader."""

    epoch: int


@dataclass(frozen=True, slots=True)
class TermEnded:
    """This process has ceased to be the leader."""

    epoch: int


def _nobody(_event: Any) -> None:
    """Do nothing; the default of hooks without a listener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """One hook per kind of event; the default does nothing."""

    #: Requests of one transaction, after its COMMIT.
    accepted: Callable[[Sequence[NewRequest]], None] = _nobody
    refused: Callable[[Refused], None] = _nobody
    #: Requests whose generation starts, after the COMMIT.
    started: Callable[[Collection[UUID]], None] = _nobody
    #: In batches, after the COMMIT.
    ended: Callable[[Sequence[Ended]], None] = _nobody
    #: An attempt to deliver a callback has ended; it is not recorded yet.
    attempted: Callable[[Attempt], None] = _nobody
    #: Attempts whose records were committed.
    recorded: Callable[[Sequence[Attempt]], None] = _nobody
    #: Requests that changed in another way (returned to the queue, redelivered).
    changed: Callable[[Collection[UUID]], None] = _nobody
    #: Requests that were deleted, and the account that each belonged to.
    deleted: Callable[[Mapping[UUID, str | None]], None] = _nobody
    #: Batches that changed in another way than by the end of an entry: their callbacks, cancelled, deleted.
    batches_changed: Callable[[Collection[UUID]], None] = _nobody
    #: Cancelled requests, or requests whose callbacks were cancelled; whoever processes them has to stop.
    cancelled: Callable[[Collection[UUID]], None] = _nobody
    #: A pause was stored, for the first time (without probes) or after a failed probe.
    paused: Callable[[Pause], None] = _nobody
    #: The pauses of a receiver (scheme, host and port) have ended, or their next probe was brought forward.
    pauses_changed: Callable[[str], None] = _nobody
    term_begun: Callable[[TermBegun], None] = _nobody
    term_ended: Callable[[TermEnded], None] = _nobody


def together(*observers: Observers) -> Observers:
    """Combine observers: each event is passed to all of them, in this order."""

    def all_of(name: str) -> Callable[[Any], None]:
        hooks: list[Callable[[Any], None]] = [getattr(one, name) for one in observers]
        listening = [hook for hook in hooks if hook is not _nobody]
        if len(listening) < 2:
            return listening[0] if listening else _nobody

        def call_all(event: Any) -> None:
            for hook in listening:
                hook(event)

        return call_all

    return Observers(**{field.name: all_of(field.name) for field in fields(Observers)})
