"""The timeline of a request: contiguous spans that add up to its total time.

Timestamps of several processes and clocks may contradict each other, slightly or after a clock was set back. Each span
begins where the previous one ended, and none extends past the end: contradictions shorten spans and never leave a gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal["waiting", "generating", "held", "attempt", "retry_wait", "paused", "idle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One phase in the life of a request."""

    kind: Kind
    begin: datetime
    end: datetime
    text: str
    #: Starts that came before its own.
    count: int | None = None
    #: The number of the attempt.
    attempt: int | None = None
    #: The earlier request of its lane that held it.
    request_id: UUID | None = None

    @property
    def ms(self) -> float:
        """Duration in milliseconds, to the microsecond."""
        return _ms(self.begin, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """One attempt to deliver the callback."""

    number: int
    begin: datetime
    end: datetime
    #: The outcome, as a sentence.
    outcome: str
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """A pause of the lane, or of its receiver for everybody."""

    begin: datetime
    #: None: it has not ended.
    end: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """The timestamps of a request, its attempts and its lane's pauses."""

    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    redelivered_at: datetime | None
    #: When delivery of its callback ended; None if it has not, or there is no callback.
    callback_finished_at: datetime | None
    #: Whether its callback is still to be delivered.
    owes_callback: bool
    #: Starts between its acceptance and its own.
    ahead: int
    #: Whether its report was cancelled, and ended by that.
    is_cancelled: bool = False
    #: When its receiver may be notified of that: at its turn in the queue, as the order demands.
    turn_at: datetime | None = None
    attempts: Sequence[Attempted] = ()
    pauses: Sequence[Paused] = ()
    #: Of the earlier callbacks of its lane, the last to end before its own began: request id and time.
    held_by: tuple[UUID, datetime] | None = None
    now: datetime


@dataclass(slots=True)
class _Timeline:
    """Contiguous spans, up to an end."""

    at: datetime
    end: datetime
    spans: list[Span] = field(default_factory=list)

    def until(self, moment: datetime, kind: Kind, text: str, **more: object) -> None:
        """Append a span up to a moment, which is clamped between the last span and the end; empty spans are omitted."""
        moment = max(self.at, min(moment, self.end))
        if moment > self.at:
            self.spans.append(Span(kind=kind, begin=self.at, end=moment, text=text, **more))  # type: ignore[arg-type]
            self.at = moment


def total_ms(spans: Sequence[Span]) -> float:
    """Return the total time from acceptance to the end, or to now if it has not ended, in milliseconds."""
    return _ms(spans[0].begin, spans[-1].end) if spans else 0.0


def explain(life: Lifetime) -> list[Span]:
    """Divide a request's time into non-empty spans; the first begins at its acceptance."""
    ended_at = life.now if life.completed_at is None or life.owes_callback else _last(life)
    timeline = _Timeline(life.created_at, max(life.created_at, ended_at))
    # A request that ended without having started was given up; it waited until then.
    begun_at = life.started_at or life.completed_at or life.now
    timeline.until(begun_at, "waiting", _waited(life), count=life.ahead)
    timeline.until(life.completed_at or life.now, "generating", _generated(life))
    if life.turn_at is not None:
        timeline.until(life.turn_at, "waiting", "It was cancelled; its receiver is notified when its turn comes.")
    if life.completed_at is not None:
        _deliver(timeline, life)
    return timeline.spans


def _generated(life: Lifetime) -> str:
    if life.is_cancelled:
        return "The report was being generated, until it was cancelled."
    return "The report was generated." if life.completed_at else "The report is being generated."


def _last(life: Lifetime) -> datetime:
    ends = [life.completed_at, life.callback_finished_at, *(attempt.end for attempt in life.attempts)]
    return max(end for end in ends if end is not None)


def _waited(life: Lifetime) -> str:
    if not life.ahead:
        return "It waited for its turn; nothing else began meanwhile."
    others = "1 other report" if life.ahead == 1 else f"{life.ahead:,} other reports"
    return f"It waited for its turn, behind {others}."


def _deliver(timeline: _Timeline, life: Lifetime) -> None:
    before: Attempted | None = None
    for attempt in life.attempts:
        _wait_for(timeline, life, before, attempt.begin)
        timeline.until(attempt.end, "attempt", f"Attempt {attempt.number}: {attempt.outcome}", attempt=attempt.number)
        before = attempt
    _wait_for(timeline, life, before, timeline.end)


def _wait_for(timeline: _Timeline, life: Lifetime, before: Attempted | None, until: datetime) -> None:
    """Append the spans between two attempts, before the first one or after the last."""
    if before is not None and before.next_attempt_at is None:
        again_at = life.redelivered_at
        asked = again_at if again_at is not None and before.end <= again_at <= until else until
        timeline.until(asked, "idle", "Its callback had ended, until it was asked for again.")
    elif before is not None and before.next_attempt_at is not None:
        again_at = min(before.next_attempt_at, until)
        _with_pauses(timeline, life, again_at, "retry_wait", "It waited to be tried again, as the schedule says.")
    held_by, held_until = life.held_by or (None, None)
    if before is None and held_until is not None:
        words = f"Its callback waited for that of request {held_by}, which came before it in its lane."
        _with_pauses(timeline, life, min(held_until, until), "held", words, held_by)
    _with_pauses(timeline, life, until, "held", "Its callback waited for its turn among those that are sent.")


def _with_pauses(
    timeline: _Timeline, life: Lifetime, until: datetime, kind: Kind, text: str, request_id: UUID | None = None
) -> None:
    """Append a span up to a moment, interrupted by the pauses within it."""
    for pause in sorted(life.pauses, key=lambda one: one.begin):
        ends = pause.end or life.now
        if pause.begin < until and ends > timeline.at:
            timeline.until(min(pause.begin, until), kind, text, request_id=request_id)
            timeline.until(min(ends, until), "paused", f"The receiver was paused: {pause.reason}")
    timeline.until(until, kind, text, request_id=request_id)


def _ms(begin: datetime, end: datetime) -> float:
    return round((end - begin).total_seconds() * 1000, 3)
