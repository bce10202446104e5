"""What follows an attempt, as a table of states."""

from datetime import UTC, datetime, timedelta

import pytest

from src.services.delivery.decision import (
    PROBE_WAIT_MAX_S,
    Done,
    Next,
    PauseLane,
    PauseReceiver,
    RetryAt,
    RetryRules,
    Standing,
    decide,
    next_attempt_at,
)
from src.services.delivery.schedule import Outcome
from src.services.outbound.client import Failure, Reply
from src.services.requests.records import LaneKey, Pause

NOW = datetime(2026, 1, 31, tzinfo=UTC)
LANE = LaneKey("caller", "http://receiver.test:80")
EVERYBODY = LaneKey("", LANE.receiver)
RULES = RetryRules(delays_s=(2, 4, 8), probe_after_s=30)

OK, REFUSAL, FAULT = (Reply(status, None, b"") for status in (200, 404, 500))
NOBODY, NO_NAME, NO_TLS, SLOW, RESET, BLOCKED, LACK = (
    Failure(code, "")
    for code in (
        "connect_failed",
        "dns_failure",
        "tls_failure",
        "timeout",
        "connection_reset",
        "blocked_address",
        "local_resources",
    )
)


def pause(of: LaneKey = LANE, probes: int = 0) -> Pause:
    return Pause(caller=of.caller, receiver=of.receiver, paused_at=NOW, reason="x", probes=probes, next_probe_at=NOW)


def after(outcome: Outcome, attempts: int = 1, **standing: object) -> Next:
    stands = Standing(lane=LANE, attempts_in_series=attempts, **standing)  # type: ignore[arg-type]
    return decide(outcome, stands, RULES, now=NOW, chance=0)


def told(step: Next) -> tuple[str, float | None]:
    """A step in short: its kind, and the wait for the next attempt of this callback, in seconds."""
    at = next_attempt_at(step)
    kind = "used up" if step == Done(used_up=True) else type(step).__name__
    return kind, None if at is None else (at - NOW).total_seconds()


TABLE: list[tuple[str, Outcome, dict[str, object], tuple[str, float | None]]] = [
    ("acknowledged", OK, {}, ("Done", None)),
    ("refused", REFUSAL, {}, ("Done", None)),
    ("an address of ours that is forbidden", BLOCKED, {}, ("Done", None)),
    ("failed once", FAULT, {"attempts": 1}, ("RetryAt", 2)),
    ("failed three times", FAULT, {"attempts": 3}, ("RetryAt", 8)),
    ("not connected once", NOBODY, {"attempts": 1}, ("RetryAt", 2)),
    ("used up", FAULT, {"attempts": 4}, ("used up", None)),
    ("used up, not connected", NOBODY, {"attempts": 4}, ("used up", None)),
    ("the fourth used up", FAULT, {"attempts": 4, "used_up_in_row": 3}, ("used up", None)),
    ("the fifth used up", FAULT, {"attempts": 4, "used_up_in_row": 4}, ("PauseLane", None)),
    ("the fifth that hangs", SLOW, {"attempts": 4, "used_up_in_row": 4}, ("PauseLane", None)),
    ("the fifth not connected", NOBODY, {"attempts": 4, "unreachable_in_row": 4}, ("PauseReceiver", None)),
    ("the fifth without a name", NO_NAME, {"attempts": 4, "unreachable_in_row": 4}, ("PauseReceiver", None)),
    ("the fifth without TLS", NO_TLS, {"attempts": 4, "unreachable_in_row": 4}, ("PauseReceiver", None)),
    ("others could not connect, but this one did", FAULT, {"attempts": 4, "unreachable_in_row": 4}, ("used up", None)),
    ("others could not connect, this one hangs", SLOW, {"attempts": 4, "unreachable_in_row": 4}, ("used up", None)),
    ("not connected, other failures before", NOBODY, {"attempts": 4, "used_up_in_row": 4}, ("PauseLane", None)),
    ("a probe that fails", FAULT, {"attempts": 9, "lane_pause": pause()}, ("PauseLane", 60)),
    ("a probe that does not connect", NOBODY, {"attempts": 9, "lane_pause": pause()}, ("PauseLane", 60)),
    ("a probe that succeeds", OK, {"attempts": 9, "lane_pause": pause()}, ("Done", None)),
    ("a probe that is refused", REFUSAL, {"attempts": 9, "lane_pause": pause()}, ("Done", None)),
    ("a late probe", FAULT, {"attempts": 9, "lane_pause": pause(probes=99)}, ("PauseLane", PROBE_WAIT_MAX_S)),
    ("nobody there yet", NOBODY, {"attempts": 9, "receiver_pause": pause(EVERYBODY)}, ("PauseReceiver", 60)),
    ("perhaps nobody there yet", SLOW, {"attempts": 9, "receiver_pause": pause(EVERYBODY)}, ("PauseReceiver", 60)),
    ("there again", OK, {"attempts": 9, "receiver_pause": pause(EVERYBODY)}, ("Done", None)),
    ("there again, failing", FAULT, {"attempts": 9, "receiver_pause": pause(EVERYBODY)}, ("PauseLane", 30)),
    ("there again, reset", RESET, {"attempts": 9, "receiver_pause": pause(EVERYBODY)}, ("PauseLane", 30)),
    ("this machine lacks something", LACK, {"attempts": 9, "used_up_in_row": 4}, ("RetryAt", 5)),
    ("a probe that never left this machine", LACK, {"attempts": 9, "lane_pause": pause()}, ("PauseLane", 5)),
    ("one of a receiver", LACK, {"attempts": 9, "receiver_pause": pause(EVERYBODY)}, ("PauseReceiver", 5)),
    (
        "both paused, failing",
        FAULT,
        {"attempts": 9, "receiver_pause": pause(EVERYBODY), "lane_pause": pause()},
        ("PauseLane", 60),
    ),
]


@pytest.mark.parametrize(("outcome", "standing", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_follows(outcome: Outcome, standing: dict[str, object], expected: tuple[str, float | None]) -> None:
    assert told(after(outcome, **standing)) == expected  # type: ignore[arg-type]


def test_a_pause_of_a_lane_names_its_caller_and_one_of_a_receiver_nobody() -> None:
    lane = after(FAULT, 4, used_up_in_row=4)
    receiver = after(NOBODY, 4, unreachable_in_row=4)

    assert isinstance(lane, PauseLane)
    assert (lane.pause.caller, lane.pause.receiver) == LANE[:2]
    assert isinstance(receiver, PauseReceiver)
    assert (receiver.pause.caller, receiver.pause.receiver) == EVERYBODY[:2]


def test_a_probe_that_fails_keeps_since_when_and_why() -> None:
    begun = pause(probes=2)
    step = after(FAULT, lane_pause=begun)

    assert isinstance(step, PauseLane)
    assert (step.pause.paused_at, step.pause.reason, step.pause.probes) == (begun.paused_at, begun.reason, 3)


def test_a_probe_that_never_left_this_machine_does_not_count() -> None:
    step = after(LACK, lane_pause=pause(probes=2))

    assert isinstance(step, PauseLane)
    assert step.pause.probes == 2


def test_a_retry_waits_longer_by_chance_never_shorter() -> None:
    stands = Standing(lane=LANE, attempts_in_series=1)

    assert decide(FAULT, stands, RULES, now=NOW, chance=1) == RetryAt(NOW + timedelta(seconds=2.2))
