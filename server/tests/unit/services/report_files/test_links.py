"""Signed links: whatever is changed in one is refused, and its end is told from a change."""

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.errors import LinkExpired, LinkInvalid
from src.services.report_files.links import ReportLinks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BASE = "https://reports.example.com"
OLD, NEW = b"old", b"new"
LINKS = ReportLinks(BASE, [OLD], 24 * 3_600)
REQUEST = uuid4()
FILE = f"{REQUEST}.csv"
END = int(NOW.timestamp()) + 60
QUERY = urlsplit(LINKS.signed(FILE, END)).query.encode()


def test_a_link_is_good_until_it_ends() -> None:
    LINKS.check(FILE, QUERY, NOW + timedelta(seconds=59))
    LINKS.check(FILE, QUERY + b"&redirect=false", NOW)
    with pytest.raises(LinkExpired):
        LINKS.check(FILE, QUERY, NOW + timedelta(seconds=60))


def test_every_key_verifies_and_the_first_one_signs() -> None:
    both = ReportLinks(BASE, [NEW, OLD], None)
    both.check(FILE, QUERY, NOW)
    again = urlsplit(both.signed(FILE, END)).query.encode()

    assert again != QUERY
    ReportLinks(BASE, [NEW], None).check(FILE, again, NOW)
    with pytest.raises(LinkInvalid):
        ReportLinks(BASE, [NEW], None).check(FILE, QUERY, NOW)


@given(at=st.integers(0, len(QUERY) - 1), byte=st.integers(0, 255))
def test_a_link_with_one_other_byte_is_no_link(at: int, byte: int) -> None:
    changed = QUERY[:at] + bytes([byte]) + QUERY[at + 1 :]
    if changed != QUERY:
        with pytest.raises(LinkInvalid):
            LINKS.check(FILE, changed, NOW)


@pytest.mark.parametrize(
    ("file", "query"),
    [
        (f"{uuid4()}.csv", QUERY),
        (FILE.upper(), QUERY),
        (FILE, b""),
        (FILE, QUERY + b"&"),
        (FILE, QUERY + b"&x=1"),
        (FILE, QUERY + b"&redirect=1"),
        (FILE, QUERY + b"\n"),
        (FILE, b"&".join(reversed(QUERY.split(b"&")))),
        (FILE, QUERY.replace(b"expires=", b"expires=0")),
        (FILE, QUERY.replace(b"expires=", b"expires=%2B")),
        (FILE, QUERY.split(b"&")[0]),
        (FILE, QUERY.split(b"&")[1]),
        (FILE, QUERY + b"&" + QUERY),
        (FILE, QUERY[:-1]),
        (FILE, QUERY.replace(QUERY[-64:], QUERY[-64:].upper())),
        ("\ud800.csv", QUERY),
    ],
    ids=itertools.count(1),
)
def test_a_link_that_was_changed_in_any_way_is_no_link(file: str, query: bytes) -> None:
    with pytest.raises(LinkInvalid):
        LINKS.check(file, query, NOW)


def test_links_in_callbacks_are_signed_only_where_they_end() -> None:
    plain = ReportLinks(BASE, [OLD], None)
    at = NOW + timedelta(seconds=0.9)

    assert plain.in_callback(REQUEST, plain.callback_end(at)) == f"{BASE}/api/reports/{FILE}"
    assert LINKS.callback_end(at) == int(NOW.timestamp()) + 24 * 3_600
    LINKS.check(FILE, urlsplit(LINKS.in_callback(REQUEST, LINKS.callback_end(at))).query.encode(), NOW)
