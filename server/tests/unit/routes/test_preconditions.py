"""Preconditions, as RFC 9110 says, section by section."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.routes.http.preconditions import Validators, Verdict, _date, conditional_headers, judge

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHANGED = datetime(2026, 1, 31, 9, 30, 5, tzinfo=UTC)
IS = Validators("abc,1", CHANGED)

TAG, OTHER, WEAK = '"abc,1"', '"zz"', 'W/"abc,1"'
SAME, EARLIER, LATER = (f"Sat, 31 Jan 2026 09:30:{second} GMT" for second in ("05", "04", "06"))

GO, WHOLE, UNCHANGED, FAILED = Verdict.PERFORM, Verdict.PERFORM_WHOLE, Verdict.NOT_MODIFIED, Verdict.FAILED

TABLE: list[tuple[str, dict[str, str], Verdict]] = [
    ("no condition", {}, GO),
    ("13.1.1 the tag", {"if-match": TAG}, GO),
    ("13.1.1 any", {"if-match": "*"}, GO),
    ("13.1.1 another tag", {"if-match": OTHER}, FAILED),
    ("13.1.1 one of a list", {"if-match": f'{OTHER} ,, {TAG}, "y"'}, GO),
    ("13.1.1 compares strongly", {"if-match": WEAK}, FAILED),
    ("13.1.1 nothing is no tag", {"if-match": ""}, FAILED),
    ("13.1.1 without quotes", {"if-match": "abc,1"}, FAILED),
    ("13.1.1 any among tags", {"if-match": f"{OTHER}, *"}, FAILED),
    ("13.1.1 no half of a list", {"if-match": f"{TAG}, x"}, FAILED),
    ("13.1.2 another tag", {"if-none-match": OTHER}, GO),
    ("13.1.2 the tag", {"if-none-match": TAG}, UNCHANGED),
    ("13.1.2 compares weakly", {"if-none-match": WEAK}, UNCHANGED),
    ("13.1.2 one of a list", {"if-none-match": f"{OTHER},{WEAK},"}, UNCHANGED),
    ("13.1.2 any", {"if-none-match": "*"}, UNCHANGED),
    ("13.1.2 without quotes", {"if-none-match": "abc,1"}, GO),
    ("8.8.3 W/ in small letters", {"if-none-match": 'w/"abc,1"'}, GO),
    ("8.8.3 a tag may hold a comma", {"if-none-match": '"abc", "1"'}, GO),
    ("13.1.3 the same time", {"if-modified-since": SAME}, UNCHANGED),
    ("13.1.3 a later time", {"if-modified-since": LATER}, UNCHANGED),
    ("13.1.3 an earlier time", {"if-modified-since": EARLIER}, GO),
    ("13.1.3 no date", {"if-modified-since": "2026-01-31"}, GO),
    ("13.1.3 two dates", {"if-modified-since": f"{SAME}, {LATER}"}, GO),
    ("13.1.3 If-None-Match decides alone", {"if-none-match": OTHER, "if-modified-since": LATER}, GO),
    ("13.1.4 the same time", {"if-unmodified-since": SAME}, GO),
    ("13.1.4 a later time", {"if-unmodified-since": LATER}, GO),
    ("13.1.4 an earlier time", {"if-unmodified-since": EARLIER}, FAILED),
    ("13.1.4 no date", {"if-unmodified-since": "yesterday"}, GO),
    ("13.1.4 If-Match decides alone", {"if-match": TAG, "if-unmodified-since": EARLIER}, GO),
    ("13.1.5 the tag", {"if-range": TAG, "range": "bytes=0-"}, GO),
    ("13.1.5 compares strongly", {"if-range": WEAK, "range": "bytes=0-"}, WHOLE),
    ("13.1.5 another tag", {"if-range": OTHER, "range": "bytes=0-"}, WHOLE),
    ("13.1.5 no list", {"if-range": f"{TAG}, {OTHER}", "range": "bytes=0-"}, WHOLE),
    ("13.1.5 exactly the date", {"if-range": SAME, "range": "bytes=0-"}, GO),
    ("13.1.5 a later date", {"if-range": LATER, "range": "bytes=0-"}, WHOLE),
    ("13.1.5 no date", {"if-range": "x", "range": "bytes=0-"}, WHOLE),
    ("13.1.5 without a range", {"if-range": OTHER}, GO),
    ("13.2.2 step 1 before 3", {"if-match": OTHER, "if-none-match": TAG}, FAILED),
    ("13.2.2 step 2 before 3", {"if-unmodified-since": EARLIER, "if-none-match": TAG}, FAILED),
    ("13.2.2 steps 1 and 3", {"if-match": TAG, "if-none-match": TAG}, UNCHANGED),
    ("13.2.2 step 3 before 5", {"if-none-match": TAG, "if-range": OTHER, "range": "bytes=0-"}, UNCHANGED),
    ("13.2.2 steps 4 and 5", {"if-modified-since": EARLIER, "if-range": OTHER, "range": "bytes=0-"}, WHOLE),
]


@pytest.mark.parametrize(("rule", "headers", "verdict"), TABLE, ids=[rule for rule, _, _ in TABLE])
def test_a_condition_is_judged_as_the_section_says(rule: str, headers: dict[str, str], verdict: Verdict) -> None:
    assert judge("GET", headers, IS, NOW) is verdict
    assert judge("HEAD", headers, IS, NOW) is verdict


def test_a_method_that_changes_something_fails_where_a_read_finds_nothing_new() -> None:
    """Section 13.2.2, step 3; section 13.1.3 lets it ignore If-Modified-Since."""
    assert judge("DELETE", {"if-none-match": TAG}, IS, NOW) is FAILED
    assert judge("DELETE", {"if-modified-since": SAME}, IS, NOW) is GO


@pytest.mark.parametrize(
    ("field", "date"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sun Nov  6 08:49:37 1994", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Tuesday, 06-Nov-35 08:49:37 GMT", datetime(2035, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:60 GMT", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("Sat, 31 Dec 2016 23:59:61 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("sun, 06 nov 1994 08:49:37 GMT", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 0000 08:49:37 GMT", None),
        ("784111777", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_read_in_the_three_forms_of_section_5_6_7_only(field: str | None, date: datetime | None) -> None:
    assert _date(field, NOW) == date


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)), st.integers(-3, 3))
def test_every_date_that_is_sent_is_understood(changed: datetime, seconds: int) -> None:
    changed = changed.replace(microsecond=0)
    asked = changed + timedelta(seconds=seconds)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    field = asked.strftime(f"{days[asked.weekday()]}, %d %b %Y %H:%M:%S GMT")
    unchanged = judge("GET", {"if-modified-since": field}, Validators("x", changed), NOW) is UNCHANGED

    assert unchanged == (seconds >= 0)


@given(st.sampled_from(["if-match", "if-none-match", "if-range", "if-modified-since"]), st.text(max_size=60))
def test_no_header_is_more_than_judged(name: str, field: str) -> None:
    assert judge("GET", {name: field, "range": "bytes=0-1"}, IS, NOW) in Verdict


def test_several_lines_of_one_name_are_one_list() -> None:
    """Section 5.3; and blanks around a value do not count (5.5)."""
    headers = [(b"if-match", b' "a" '), (b"host", b"x"), (b"if-match", b'"b"'), (b"range", b"bytes=0-1")]

    assert conditional_headers({"headers": headers}) == {"if-match": '"a", "b"', "range": "bytes=0-1"}
