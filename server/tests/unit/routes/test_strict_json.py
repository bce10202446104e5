"""Names within an object: each once, also when they are written in different ways."""

import json
from typing import Any

import pytest
from fastapi import HTTPException
from hypothesis import example, given, settings
from hypothesis import strategies as st

from src.routes.http.strict_json import _parsed

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=3), inner)),
    max_leaves=6,
)


def written(value: Any, *, ascii_only: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_only).encode()


@settings(deadline=None)
@given(VALUES, st.booleans())
@example({"a": '"', "b": "\\"}, False)
@example(['\\"', {"": ""}], False)
def test_no_value_is_taken_for_one_with_a_name_twice(value: Any, ascii_only: bool) -> None:
    body = written(value, ascii_only=ascii_only)
    assert _parsed(body) == value


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), VALUES, min_size=1, max_size=4), VALUES, st.booleans(), st.data())
def test_a_name_twice_is_always_noticed(
    value: dict[str, Any], other: Any, ascii_only: bool, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(value)))
    head = written(value, ascii_only=ascii_only)[:-1]
    body = b"[" + head + b", " + written({name: other}, ascii_only=not ascii_only)[1:] + b"]"
    with pytest.raises(HTTPException, match="duplicate name"):
        _parsed(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[[{"x":{"":0,"":0}}]]',
        b'{"a":{"b":":"},"a":1}',
        b'{"a" :1,"a"\n:1}',
    ],
)
def test_it_is_noticed_wherever_it_is(body: bytes) -> None:
    with pytest.raises(HTTPException, match="duplicate name"):
        _parsed(body)
