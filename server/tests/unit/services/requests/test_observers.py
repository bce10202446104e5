"""Whoever listens hears of everything that it asked for, in order; nobody else is called."""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from src.services.requests.log_lines import log_lines
from src.services.requests.observers import Observers, TermBegun, together
from src.services.requests.records import Attempt

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def attempt(*, success: bool) -> Attempt:
    return Attempt(
        request_id=UUID(int=1),
        attempt_number=2,
        attempted_at=NOW,
        ended_at=NOW + timedelta(milliseconds=7),
        status_code=200 if success else None,
        success=success,
        error_code=None if success else "timeout",
    )


def test_several_hear_in_their_order_and_one_alone_is_called_directly() -> None:
    heard: list[str] = []

    def first(_event: object) -> None:
        heard.append("first")

    def second(_event: object) -> None:
        heard.append("second")

    both = together(Observers(term_begun=first), Observers(term_begun=second, term_ended=second))
    both.term_begun(TermBegun(1))

    assert heard == ["first", "second"]
    assert both.term_ended is second
    assert both.paused is Observers().paused


@pytest.mark.parametrize(
    ("success", "level", "line"),
    [
        (True, logging.DEBUG, f"callback attempt 2 for {UUID(int=1)}: 200 in 7 ms"),
        (False, logging.INFO, f"callback attempt 2 for {UUID(int=1)}: timeout in 7 ms"),
    ],
)
def test_an_attempt_is_a_line_of_the_log(
    success: bool, level: int, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    log_lines("plain").attempted(attempt(success=success))

    assert [(record.levelno, record.message) for record in caplog.records] == [(level, line)]
