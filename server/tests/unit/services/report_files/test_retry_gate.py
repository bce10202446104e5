"""While a store is away, one asks and the others are told at once."""

import pytest

from src.services.report_files.object_store_faults import StorageAway, explain
from src.services.report_files.retry_gate import ASKED_AGAIN_AFTER_S, RetryGate

SILENT = StorageAway("the store does not answer", answered=False)


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> RetryGate:
    return RetryGate(6, clock)


def fail(gate: RetryGate, error: Exception = SILENT) -> None:
    with pytest.raises(type(error)), gate.passing():
        raise error


def is_open(gate: RetryGate) -> bool:
    try:
        with gate.passing():
            return True
    except StorageAway:
        return False


def test_everybody_passes_while_the_store_answers(gate: RetryGate) -> None:
    with gate.passing():
        assert is_open(gate)
    assert gate.trouble is None


def test_after_a_failure_nobody_asks_for_a_second_and_then_one(gate: RetryGate, clock: Clock) -> None:
    fail(gate)
    at_once = is_open(gate)
    clock.now_s += ASKED_AGAIN_AFTER_S
    with gate.passing():
        beside = is_open(gate)

    assert (at_once, beside) == (False, False)
    assert is_open(gate)
    assert gate.trouble is None


def test_who_is_turned_away_hears_why(gate: RetryGate) -> None:
    fail(gate)
    with pytest.raises(StorageAway, match="does not answer"), gate.passing():
        raise AssertionError


def test_one_who_asks_and_never_comes_back_keeps_the_others_out_only_for_a_while(gate: RetryGate, clock: Clock) -> None:
    fail(gate)
    clock.now_s += ASKED_AGAIN_AFTER_S
    fail(gate, ValueError("of the report"))
    before = is_open(gate)
    clock.now_s += 6

    assert not before
    assert is_open(gate)


def test_a_refusal_that_comes_at_once_keeps_nobody_out(gate: RetryGate) -> None:
    fail(gate, StorageAway("the key may not delete", answered=True))

    assert is_open(gate)


@pytest.mark.parametrize(
    ("words", "sentence", "answered"),
    [
        ("status code: 403 Forbidden: <Code>RequestTimeTooSkewed</Code>", "set this machine's (NTP)", True),
        ("status code: 400: <Code>AuthorizationHeaderMalformed</Code>", "correct AWS_REGION", True),
        ("status code: 400: <Code>ExpiredToken</Code>", "renew AWS_SESSION_TOKEN", True),
        ("status code: 507 Insufficient Storage", "is full: make room there", False),
        ("status code: 503: <Code>SlowDown</Code>", "store.example.com answers 503", False),
        ("status code: 403 Forbidden:  ", "refuses the key", True),
        ("certificate verify failed: UnknownIssuer", "is not one to trust", False),
        ("operation timed out", "does not answer", False),
    ],
)
def test_what_cannot_be_brought_about_here_is_explained_by_the_words_of_s3(
    words: str, sentence: str, answered: bool
) -> None:
    away = explain(Exception(words), place="store.example.com", bucket="reports", action="write")

    assert sentence in away.sentence
    assert away.answered is answered
