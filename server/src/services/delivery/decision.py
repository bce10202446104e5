"""Decides what follows an attempt. Pure: time, randomness and state are arguments, the decision is a value."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from src.services.delivery.schedule import LACK_WAIT_S, Outcome, may_be_retried, next_wait_s
from src.services.outbound.client import Failure, Reply, lacks_resources
from src.services.requests.records import LaneKey, Pause

#: After so many consecutive callbacks that used up their attempts a lane is paused; or, if none of them even
#: connected, their receiver for all callers.
PAUSED_AFTER_USED_UP = 5
PROBE_WAIT_MAX_S = 300.0
_PROBE_WAIT_DOUBLINGS_MAX = 16
#: The receiver itself is unreachable, for every caller. A timeout proves nothing: a single URL may hang.
_NOBODY_THERE = frozenset({"dns_failure", "connect_failed", "tls_failure"})
#: Failures after a connection was established.
_SOMEBODY_THERE = frozenset({"connection_reset", "bad_http"})


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Retry the callback."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """The callback has ended, and its lane continues."""

    #: Whether its attempts are used up; otherwise the receiver accepted or rejected it.
    used_up: bool


@dataclass(frozen=True, slots=True)
class PauseLane:
    """Pause the lane."""

    pause: Pause
    #: Whether the callback is still undelivered: the next probe sends it.
    owed: bool


@dataclass(frozen=True, slots=True)
class PauseReceiver:
    """Pause the receiver for all callers."""

    pause: Pause
    #: Whether the callback is still undelivered: the next probe sends it.
    owed: bool


Next = RetryAt | Done | PauseLane | PauseReceiver


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """The retry schedule.

    Args:
        delays_s: delays before the second, third, … attempt.
        probe_after_s: delay before the first probe of a pause; doubles with each probe.
    """

    delays_s: tuple[float, ...]
    probe_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state when an attempt began.

    Args:
        lane: the callback's lane.
        attempts_in_series: attempts made, including this one.
        lane_pause: the lane's pause, if this was its probe.
        receiver_pause: the receiver's pause, if this was its probe.
        used_up_in_row: consecutive callbacks of the lane that used up their attempts, before this one.
        unreachable_in_row: consecutive callbacks to the receiver, of any caller, that used up their attempts without
            connecting, before this one.
    """

    lane: LaneKey
    attempts_in_series: int
    lane_pause: Pause | None = None
    receiver_pause: Pause | None = None
    used_up_in_row: int = 0
    unreachable_in_row: int = 0


def decide(outcome: Outcome, standing: Standing, rules: RetryRules, *, now: datetime, chance: float) -> Next:
    """Decide what happens to a callback, and to its lane and receiver.

    Args:
        outcome: the outcome of the attempt.
        standing: the state when it began.
        rules: the retry schedule.
        now: when it ended.
        chance: a random number from 0 to 1 for jitter, which only lengthens delays.
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
    # It is reachable again for all callers, but fails for this one.
    return PauseLane(_first(standing.lane, "The receiver is back, but fails.", rules, now), owed=True)


def nobody_there(outcome: Outcome) -> bool:
    """Return whether there was no connection at all, which concerns every caller of the receiver."""
    return isinstance(outcome, Failure) and outcome.error_code in _NOBODY_THERE


def somebody_there(outcome: Outcome) -> bool:
    """Return whether a connection was established, whatever its outcome."""
    return isinstance(outcome, Reply) or outcome.error_code in _SOMEBODY_THERE


def next_attempt_at(step: Next) -> datetime | None:
    """Return when the next attempt is due; None if this was the last."""
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
    if lacks_resources(outcome):  # nothing left this machine, so it does not count as a probe
        return replace(pause, next_probe_at=now + timedelta(seconds=LACK_WAIT_S))
    probes = pause.probes + 1
    return replace(pause, probes=probes, next_probe_at=now + timedelta(seconds=_probe_wait_s(probes, rules)))


def _probe_wait_s(probes: int, rules: RetryRules) -> float:
    doublings = min(probes, _PROBE_WAIT_DOUBLINGS_MAX)
    return float(min(rules.probe_after_s * 2**doublings, PROBE_WAIT_MAX_S))
