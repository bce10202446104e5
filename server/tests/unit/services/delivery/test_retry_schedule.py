"""Which answers are tried again, and after how long."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.delivery.schedule import JITTER_SHARE, RETRY_AFTER_MAX_S, longest_wait_s, next_wait_s, succeeded
from src.services.outbound.client import Failure, Reply
from src.services.outbound.guard import ErrorCode

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
DELAYS_S = (2.0, 4.0, 8.0)


def answer(status: int, retry_after: str | None = None) -> Reply:
    return Reply(status, retry_after, b"")


def wait_s(outcome: Reply | Failure, attempts: int = 1, chance: float = 0) -> float | None:
    return next_wait_s(outcome, attempts, DELAYS_S, now=NOW, chance=chance)


def test_the_waits_are_2_4_and_8_seconds_and_then_it_ends() -> None:
    assert [wait_s(answer(500), attempts) for attempts in (1, 2, 3, 4)] == [2, 4, 8, None]


@given(status=st.integers(200, 299), retry_after=st.none() | st.text())
def test_any_2xx_is_a_success(status: int, retry_after: str | None) -> None:
    assert succeeded(answer(status, retry_after))
    assert wait_s(answer(status, retry_after)) is None


LATER = (408, 425, 429)


@given(status=st.integers(300, 499).filter(lambda status: status not in LATER))
def test_redirects_and_refusals_end_the_delivery(status: int) -> None:
    assert not succeeded(answer(status))
    assert wait_s(answer(status, retry_after="1")) is None


@given(status=st.integers(500, 599))
def test_any_5xx_is_tried_again(status: int) -> None:
    assert wait_s(answer(status)) == 2


@pytest.mark.parametrize("status", LATER)
def test_a_refusal_that_says_later_is_tried_again_by_the_schedule(status: int) -> None:
    assert [wait_s(answer(status), attempts) for attempts in (1, 2, 3, 4)] == [2, 4, 8, None]
    assert wait_s(answer(status, "7")) == 7
    assert wait_s(answer(status, "1")) == 2


@pytest.mark.parametrize(
    "error_code", [code for code in get_args(ErrorCode) if code not in {"blocked_address", "local_resources"}]
)
def test_faults_of_the_network_are_tried_again(error_code: ErrorCode) -> None:
    assert wait_s(Failure(error_code, "")) == 2


def test_a_forbidden_address_is_not_tried_again() -> None:
    assert wait_s(Failure("blocked_address", "")) is None


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [
        ("0", 2),
        ("30", 30),
        ("61", RETRY_AFTER_MAX_S),
        ("9" * 400, RETRY_AFTER_MAX_S),
        ("Sat, 31 Jan 2026 09:30:20 GMT", 20),
        ("Sat, 31 Jan 2026 09:00:00 GMT", 2),
        ("Sat, 31 Jan 2027 09:00:00 GMT", RETRY_AFTER_MAX_S),
        ("-5", 2),
        ("1.5", 2),
        ("soon", 2),
        ("", 2),
        ("\u0663", 2),
    ],
)
def test_retry_after_makes_the_wait_longer_up_to_a_minute_and_never_shorter(header: str, expected_s: float) -> None:
    assert wait_s(answer(503, header)) == expected_s


@given(chance=st.floats(0, 1), attempts=st.integers(1, 3), retry_after=st.none() | st.text())
def test_chance_makes_waits_longer_but_not_much(chance: float, attempts: int, retry_after: str | None) -> None:
    waited_s = wait_s(answer(500, retry_after), attempts, chance)

    assert waited_s is not None
    assert DELAYS_S[attempts - 1] <= waited_s <= max(DELAYS_S[attempts - 1], RETRY_AFTER_MAX_S) * (1 + JITTER_SHARE)


@given(
    delays_s=st.lists(st.floats(0, 86_400), max_size=5).map(tuple),
    retry_after=st.none() | st.integers(0, 10**6).map(str),
    chance=st.floats(0, 1),
)
def test_no_wait_is_longer_than_the_longest_so_a_clock_set_back_cannot_hold_a_callback_for_ever(
    delays_s: tuple[float, ...], retry_after: str | None, chance: float
) -> None:
    for attempts in range(1, len(delays_s) + 1):
        decided_s = next_wait_s(answer(503, retry_after), attempts, delays_s, now=NOW, chance=chance)

        assert decided_s is not None
        assert decided_s <= longest_wait_s(delays_s)
