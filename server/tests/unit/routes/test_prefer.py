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
        ([b"wait=" + b"9" * 400], None),
        ([b"wait 10"], None),
        ([b"wait=soon, wait=9"], None),  # the first counts, and cannot be read
    ],
)
def test_how_long_a_client_would_wait(values: list[bytes], wait_s: int | None) -> None:
    assert wait_in(*values) == wait_s


@given(st.lists(st.binary(max_size=200), max_size=3))
def test_whatever_comes_is_a_number_or_nothing(values: list[bytes]) -> None:
    wait_s = wait_in(*values)

    assert wait_s is None or wait_s >= 0
