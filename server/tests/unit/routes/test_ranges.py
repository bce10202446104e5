"""Ranges, as RFC 9110 says in section 14."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.routes.http.ranges import Part, Unsatisfiable, part_asked_for

SIZE = 1_000


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-9", Part(0, 10)),
        ("BYTES=0-9", Part(0, 10)),
        ("bytes=990-", Part(990, 10)),
        ("bytes=990-99999", Part(990, 10)),
        ("bytes=990-" + "9" * 5_000, Part(990, 10)),
        ("bytes=" + "0" * 5_000 + "1-1", Part(1, 1)),
        ("bytes=-10", Part(990, 10)),
        ("bytes=-99999", Part(0, SIZE)),
        ("bytes= ,0-9 ,", Part(0, 10)),
    ],
)
def test_one_range_is_served_as_far_as_it_lies_inside(header: str, part: Part) -> None:
    assert part_asked_for(header, SIZE) == part


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "bytes", "bytes=", "bytes=abc", "bytes=5-2", "bytes=1 - 2", "bytes=-", "lines=0-1", " bytes =0-1"),
        *("bytes=0-1,5-6", "bytes=0-1, bytes=5-6", "bytes=\u0661-\u0662", "bytes=+1-2", "bytes=1_0-20"),
    ],
)
def test_what_is_malformed_of_another_unit_or_a_set_is_ignored(header: str | None) -> None:
    assert part_asked_for(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=" + "9" * 5_000 + "-"])
def test_what_lies_outside_is_refused(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        part_asked_for(header, SIZE)


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.integers(1, 1_500))
def test_a_part_is_what_slicing_gives(first: int, last: int, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    try:
        part = part_asked_for(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert content[first : last + 1] == b""
    else:
        assert (part is None) == (last < first)
        if part:
            assert content[part.first : part.first + part.length] == content[first : last + 1]
            assert part.content_range(size) == f"bytes {first}-{min(last, size - 1)}/{size}"
