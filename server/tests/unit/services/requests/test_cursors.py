"""A cursor is read in the one form in which it is given out; anything else is refused, and nothing overflows."""

import base64
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from src.errors import Invalid
from src.services.requests.cursors import read_cursor, write_cursor

NOBODY = UUID(int=0)
AWARE = st.datetimes(timezones=st.just(UTC))


def written(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@given(AWARE, st.uuids())
@example(datetime.min.replace(tzinfo=UTC), NOBODY)
@example(datetime.max.replace(tzinfo=UTC), NOBODY)
def test_a_cursor_that_was_given_out_is_read(created_at: datetime, request_id: UUID) -> None:
    assert read_cursor(write_cursor(created_at, request_id)) == (created_at, request_id)


@pytest.mark.parametrize(
    "text",
    [
        f"0001-01-01T00:00:00+14:00 {NOBODY}",
        f"9999-12-31T23:59:59-14:00 {NOBODY}",
        f"2026-01-01T00:00:00 {NOBODY}",
        f"2026-01-01T01:00:00+01:00 {NOBODY}",
        f"2026-01-01T00:00:00Z {NOBODY}",
        f"20260101T000000+00:00 {NOBODY}",
        f"2026-W01-1T00:00:00+00:00 {NOBODY}",
        f"2026-01-01T00:00:00+00:00 {NOBODY.hex}",
        f"2026-01-01T00:00:00+00:00 {{{NOBODY}}}",
        f"2026-01-01T00:00:00+00:00  {NOBODY}",
        "2026-01-01T00:00:00+00:00",
    ],
)
def test_another_form_of_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(written(text))


@given(st.one_of(st.text(max_size=200), st.binary(max_size=150).map(lambda data: written(data.decode("latin-1")))))
@example("=" * 200)
@example("\N{GREEK SMALL LETTER ALPHA}")
def test_no_text_is_more_than_refused(text: str) -> None:
    with suppress(Invalid):
        assert write_cursor(*read_cursor(text)) == text
