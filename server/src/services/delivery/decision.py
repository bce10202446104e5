"""What follows an attempt: a pure value. Time, dice and everything that is known are arguments."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from src.services.delivery.schedule import LACK_WAIT_S, Outcome, may_be_retried, next_wait_s
from src.services.outbound.client import Failure, Reply, lacks_resources
from src.services.requests.records import LaneKey, Pause

#: After so many callbacks in a row that used up their attempts a lane is paused; or, if none of them even connected,
#: their receiver, for everybody.
PAUSED_AFTER_USED_UP = 5
PROBE_WAIT_MAX_S = 300.0
_PROBE_WAIT_DOUBLINGS_MAX = 16
#: The receiver itself is unreachable, for every caller. A timeout proves nothing: a single URL may hang.
_NOBODY_THERE = frozenset({"dns_failure", "connect_failed", "tls_failure"})
#: These failures come after a connection was made.
_SOMEBODY_THERE = frozenset({"connection_reset", "bad_http"})


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The callback is tried again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """The callback has ended, and its lane goes on."""

    #: Its attempts are used up; otherwise it was answered, be it with a refusal.
    used_up: bool


@dataclass(frozen=True, slots=True)
class PauseLane:
    """The lane is left alone."""

    pause: Pause
    #: Whether the callback is still owed: it goes with the next probe.
    owed: bool


@dataclass(frozen=True, slots=True)
class PauseReceiver:
    """The receiver is left alone, by everybody."""

    pause: Pause
    #: Whether the callback is still owed: it goes with the next probe.
    owed: bool


Next = RetryAt | Done | PauseLane | PauseReceiver


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """When callbacks are tried again.

    Args:
        delays_s: waits before the second, third, … attempt.
        probe_after_s: how long what is paused is left alone first; each time twice as long.
    """

    delays_s: tuple[float, ...]
    probe_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stood when an attempt began.

    Args:
        lane: whose callback to whom.
        attempts_in_series: attempts made, with this one.
        lane_pause: the lane's pause, if this was its probe.
        receiver_pause: the receiver's pause, if this was its probe.
        used_up_in_row: callbacks of the lane in a row that used up their attempts, before this one.
        unreachable_in_row: callbacks to the receiver in a row, of any caller, that used up their attempts without
            even connecting, before this one.
    """

    lane: LaneKey
    attempts_in_series: int
    lane_pause: Pause | None = None
    receiver_pause: Pause | None = None
    used_up_in_row: int = 0
    unreachable_in_row: int = 0


def decide(outcome: Outcome, standing: Standing, rules: RetryRules, *, now: datetime, chance: float) -> Next:
    """Decide about a callback and, with it, about its lane and its receiver.

    Args:
        outcome: what came of the attempt.
        standing: how things stood when it began.
        rules: when callbacks are tried again.
        now: when it ended.
        chance: from 0 to 1; waits become longer with it, never shorter.
    """
    if not may_be_retried(outcome):
        return Done(used_up=False)
    if standing.receiver_pause or standing.lane_pause:
        return _probe_failed(outcome, standing, rules, now)
    wait_s = next_wait_s(outcome, standing.attempts_in_series, rules.delays_s, now=now, chance=chance)
    if wait_s is not None:
        return RetryAt(now + timedelta(seconds=wait_s))
    return _used_up(outcome, standing, rules, now)


def _probe_failed(outcome: Outcome, standing: Standing, rules: RetryRules, now: datetime) -> Next:
    everybody, lane = standing.receiver_pause, standing.lane_pause
    if everybody and not somebody_there(outcome):
        return PauseReceiver(_again(everybody, outcome, rules, now), owed=True)
    if lane:
        return PauseLane(_again(lane, outcome, rules, now), owed=True)
    # It is there again for everybody, but answers this caller with a failure.
    return PauseLane(_first(standing.lane, "The receiver is back, but fails.", rules, now), owed=True)


def nobody_there(outcome: Outcome) -> bool:
    """Whether the receiver did not even connect: what is so for one caller is so for all."""
    return isinstance(outcome, Failure) and outcome.error_code in _NOBODY_THERE


def somebody_there(outcome: Outcome) -> bool:
    """Whether a connection was made, whatever came of it."""
    return isinstance(outcome, Reply) or outcome.error_code in _SOMEBODY_THERE


def next_attempt_at(step: Next) -> datetime | None:
    """When the attempt after this one is due; None when this one was the last."""
    match step:
        case RetryAt(at):
            return at
        case PauseLane(pause, owed=True) | PauseReceiver(pause, owed=True):
            return pause.next_probe_at
    return None


def _used_up(outcome: Outcome, standing: Standing, rules: RetryRules, now: datetime) -> Next:
    lane = standing.lane
    if nobody_there(outcome) and standing.unreachable_in_row + 1 >= PAUSED_AFTER_USED_UP:
        reason = f"{PAUSED_AFTER_USED_UP} callbacks in a row used up their attempts: no connection."
        return PauseReceiver(_first(lane._replace(caller=""), reason, rules, now), owed=False)
    if standing.used_up_in_row + 1 >= PAUSED_AFTER_USED_UP:
        reason = f"{PAUSED_AFTER_USED_UP} callbacks in a row used up their attempts."
        return PauseLane(_first(lane, reason, rules, now), owed=False)
    return Done(used_up=True)


def _first(lane: LaneKey, reason: str, rules: RetryRules, now: datetime) -> Pause:
    return Pause(
        caller=lane.caller,
        receiver=lane.receiver,
        paused_at=now,
        reason=reason,
        probes=0,
        next_probe_at=now + timedelta(seconds=_probe_wait_s(0, rules)),
    )


def _again(pause: Pause, outcome: Outcome, rules: RetryRules, now: datetime) -> Pause:
    if lacks_resources(outcome):  # it never left this machine, so it was no probe
        return replace(pause, next_probe_at=now + timedelta(seconds=LACK_WAIT_S))
    probes = pause.probes + 1
    return replace(pause, probes=probes, next_probe_at=now + timedelta(seconds=_probe_wait_s(probes, rules)))


def _probe_wait_s(probes: int, rules: RetryRules) -> float:
    doublings = min(probes, _PROBE_WAIT_DOUBLINGS_MAX)
    return float(min(rules.probe_after_s * 2**doublings, PROBE_WAIT_MAX_S))
