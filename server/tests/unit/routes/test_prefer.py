"""`Prefer` is read as RFC 7240 says, and what cannot be read is ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.routes.http.prefer import preferences_in


def wait_in(*values: bytes) -> int | None:
    headers = [(b"accept", b"*/*"), *((b"prefer", value) for value in values)]
    return preferences_in({"type": "http", "headers": headers}).wait_s


@pytest.mark.parametrize(
    ("values", "wait_s"),
    [
        ([], None),
        ([b"wait=10"], 10),
        ([b"WAIT = 10"], 10),
        ([b'wait="10"'], 10),
        ([b"respond-async, wait=5"], 5),
        ([b"respond-async", b"wait=5"], 5),
        ([b"wait=5;foo=bar"], 5),
        ([b"wait=5, wait=9"], 5),
        ([b"wait=5", b"wait=9"], 5),
        ([b'note="a, wait=3", wait=4'], 4),
        ([b"wait=0"], 0),
        ([b"wait"], None),
        ([b"wait="], None),
        ([b"wait=-1"], None),
        ([b"wait=1.5"], None),
        ([b"wait=1e3"], None),
        ([b"wait=soon"], None),
        ([b"wait=" + b"9" * 400], 999_999_999),
        ([b"wait=" + b"0" * 400 + b"7"], 7),
        ([b"wait=\xb2"], None),
        ([b'wait=5, note="not closed, wait=9'], 5),
        ([b'note="not closed, wait=9', b"wait=4"], 4),
        ([b",, ,wait=5;a;b, "], 5),
        ([b"wait 10"], None),
        ([b"wait=soon, wait=9"], None),  # the first counts, and cannot be read
    ],
)
def test_how_long_a_client_would_wait(values: list[bytes], wait_s: int | None) -> None:
    assert wait_in(*values) == wait_s


@pytest.mark.parametrize(
    ("value", "respond_async"),
    [
        (b"respond-async", True),
        (b"Respond-Async, wait=5", True),
        (b'wait=5, respond-async=""', True),
        (b"respond-async; note=x", True),
        (b"respond-async=false", False),
        (b"respond-async respond-async", False),
        (b"return=minimal", False),
        (b'note="respond-async"', False),
    ],
)
def test_whether_a_client_would_rather_not_wait_for_the_report(value: bytes, *, respond_async: bool) -> None:
    found = preferences_in({"type": "http", "headers": [(b"prefer", value)]})

    assert found.respond_async is respond_async


@pytest.mark.parametrize("unit", [b'"', b'\\"', b" ", b"wait ", b'a="', b",", b";", b"=", b'"\\', b"a"])
def test_however_long_a_header_is_it_is_read_once(unit: bytes) -> None:
    # Twice as long takes twice as long, not four times: a quadratic reading of 1 MB would take minutes.
    assert wait_in(unit * (1_000_000 // len(unit)) + b"!") is None


@given(st.lists(st.binary(max_size=200), max_size=3))
def test_whatever_comes_is_a_number_or_nothing(values: list[bytes]) -> None:
    wait_s = wait_in(*values)

    assert wait_s is None or wait_s >= 0
