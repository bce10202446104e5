"""Who hears of what happens: the log, whoever watches, and whoever counts get the same frozen records.

An observer is called where it happens, on the thread and in the moment: it must neither wait nor raise.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from src.models import Mode, Status
from src.services.requests.records import Attempt, NewRequest, Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A submission that was answered with a problem, and stored nothing."""

    mode: Mode
    #: The problem's type without its prefix, such as `rate-limited`.
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The report of a request has ended, one way or the other."""

    request_id: UUID
    mode: Mode
    status: Status
    #: From acceptance to the beginning of the work, and from there to its end; null where it was never begun.
    waiting_s: float
    generating_s: float | None
    created_at: datetime
    #: Of the report; 0 where there is none.
    rows: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TermBegun:
    """This process works from now on."""

    epoch: int


@dataclass(frozen=True, slots=True)
class TermEnded:
    """This process does not work any more."""

    epoch: int


def _nobody(_event: Any) -> None:
    """Do nothing; the default of hooks without a listener."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """One hook for each kind of event; those that are left out listen to nothing."""

    #: Requests of one transaction, after its COMMIT.
    accepted: Callable[[Sequence[NewRequest]], None] = _nobody
    refused: Callable[[Refused], None] = _nobody
    #: Requests whose reports are begun, after the COMMIT.
    started: Callable[[Collection[UUID]], None] = _nobody
    #: After the COMMIT; many together.
    ended: Callable[[Sequence[Ended]], None] = _nobody
    #: An attempt to deliver a callback has ended; its record is not written yet.
    attempted: Callable[[Attempt], None] = _nobody
    #: Attempts whose records were committed.
    recorded: Callable[[Sequence[Attempt]], None] = _nobody
    #: Requests that changed in another way (given back to the queue, redelivered), or are gone.
    changed: Callable[[Collection[UUID]], None] = _nobody
    deleted: Callable[[Collection[UUID]], None] = _nobody
    #: A pause was written, for the first time (without probes) or after a probe that failed.
    paused: Callable[[Pause], None] = _nobody
    #: The pauses of a receiver, scheme, host and port, have ended or been hurried.
    pauses_changed: Callable[[str], None] = _nobody
    term_begun: Callable[[TermBegun], None] = _nobody
    term_ended: Callable[[TermEnded], None] = _nobody


def together(*observers: Observers) -> Observers:
    """Let several hear of everything, in this order; a hook that one alone listens to is that one's."""

    def all_of(name: str) -> Callable[[Any], None]:
        hooks: list[Callable[[Any], None]] = [getattr(one, name) for one in observers]
        listening = [hook for hook in hooks if hook is not _nobody]
        if len(listening) < 2:
            return listening[0] if listening else _nobody

        def tell_all(event: Any) -> None:
            for hook in listening:
                hook(event)

        return tell_all

    return Observers(**{field.name: all_of(field.name) for field in fields(Observers)})
