"""A log line is one line, whatever was written into it, and tells no secrets."""

import asyncio
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.errors import DatabaseAway
from src.logs import MESSAGE_CHARS_MAX, LineFormatter, LogFormat, call_id, log_loop_errors
from src.services.delivery.signing import new_secret
from src.services.identity.key_format import generate_key

SECRET = "s3cr3t-of-a-caller"


def line(message: str, *arguments: object, style: LogFormat = "plain", debug: bool = False) -> str:
    error = sys.exc_info() if sys.exc_info()[1] else None
    record = logging.LogRecord("src.part", logging.WARNING, __file__, 1, message, arguments, error)
    return LineFormatter(style=style, debug=debug).format(record)


@given(st.text(st.characters(codec=None)))
def test_no_text_breaks_out_of_its_line(text: str) -> None:
    plain, written = line("got %s", text), line("got %s", text, style="json")

    for one in (plain, written):
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in one)
        assert len(one.splitlines()) == 1
        one.encode("utf-8")
    assert plain.startswith("WARNING src.part: got ")


@pytest.mark.parametrize(
    "hostile", ["a\nINFO src: forged", "\x1b[2J\x1b[31m", "\r\nx", "\x00", "\x85", "\u2028", "\u202e"]
)
def test_what_moves_the_cursor_is_shown_escaped(hostile: str) -> None:
    assert line("%s", hostile).endswith(hostile.encode("unicode_escape").decode("ascii"))


def test_the_query_of_a_url_is_cut_out_whoever_logs_it() -> None:
    written = line("calling https://receiver.example/hook?token=%s&x=1 failed. Really? Yes", SECRET)

    assert written.endswith("calling https://receiver.example/hook?… failed. Really? Yes")


def test_a_key_and_a_webhook_secret_are_cut_out_whoever_logs_them() -> None:
    key, secret = generate_key(), new_secret()
    written = line("%s of /api/keys/%s/rotate, %s %s", "x" * (MESSAGE_CHARS_MAX - 60), key, secret, key)

    assert written.count(f"{key[:12]}…") == 2
    assert not any(part in written for part in (key[12:30], secret[6:30]))


def test_a_message_has_an_end() -> None:
    assert len(line("%s", "x" * 100_000)) < MESSAGE_CHARS_MAX + 100


def test_a_traceback_says_where_and_what_but_not_what_a_caller_wrote() -> None:
    def fail(payload: str) -> None:
        raise ValueError(payload)

    try:
        try:
            fail(f"{SECRET}\nWARNING src: forged")
        except ValueError as error:
            raise RuntimeError(SECRET) from error
    except RuntimeError:
        quiet, told, written = line("It failed."), line("It failed.", debug=True), line("It failed.", style="json")

    assert SECRET not in quiet
    assert SECRET not in written
    assert "RuntimeError (set DEBUG=true to see its text)" in quiet
    assert "ValueError (set DEBUG" in quiet
    assert "test_logs.py" in quiet
    assert SECRET in told
    assert all(each.startswith("  | ") for each in told.splitlines()[1:])
    assert json.loads(written)["traceback"][-1].startswith("ValueError")


def test_what_the_system_or_we_say_is_told() -> None:
    for error in (OSError(28, "No space left on device"), DatabaseAway("The database does not answer.")):
        try:
            raise error
        except (OSError, DatabaseAway):
            assert str(error) in line("It failed.")


def test_a_line_names_its_call() -> None:
    token = call_id.set("call-1")
    plain, written = line("x"), json.loads(line("x", style="json"))
    call_id.reset(token)

    assert plain == "WARNING src.part [call-1]: x"
    assert (written["call_id"], written["level"], written["logger"], written["message"]) == (
        "call-1", "WARNING", "src.part", "x",
    )  # fmt: skip
    assert line("x") == "WARNING src.part: x"
    assert json.loads(line("x", style="json"))["call_id"] is None


async def test_what_nobody_waited_for_is_logged_by_its_class_and_not_by_what_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.new_event_loop()
    try:
        with caplog.at_level(logging.INFO, "src"):
            log_loop_errors(loop, {"message": "Exception in callback f(b'hush')", "exception": ValueError("hush")})
    finally:
        loop.close()
    line = LineFormatter(style="plain", debug=False).format(caplog.records[0])

    assert "nothing awaited" in line
    assert "ValueError" in line
    assert "hush" not in line
