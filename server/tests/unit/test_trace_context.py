"""`traceparent` as W3C Trace Context has it: what is well-formed goes on, what is not counts as missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.routes.middleware.tracing import _parent
from src.trace_context import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEX = "0123456789abcdef"


@given(
    st.text(HEX, min_size=32, max_size=32).filter(lambda text: int(text, 16)),
    st.text(HEX, min_size=16, max_size=16).filter(lambda text: int(text, 16)),
    st.booleans(),
)
def test_every_context_is_read_as_it_was_written(trace_id: str, span_id: str, sampled: bool) -> None:
    context = TraceContext(trace_id, span_id, sampled)
    assert TraceContext.parse(context.header) == context


@given(st.text())
def test_no_text_makes_reading_fail(text: str) -> None:
    context = TraceContext.parse(text)
    assert context is None or TraceContext.parse(context.header) == context


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01 ",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE[:-1]}\N{ARABIC-INDIC DIGIT ONE}-{SPAN}-01",
    ],
)
def test_a_malformed_one_counts_as_missing(malformed: str) -> None:
    assert TraceContext.parse(malformed) is None


@pytest.mark.parametrize(
    ("given_flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)]
)
def test_only_the_flag_that_is_known_goes_on(given_flags: str, sampled: bool) -> None:
    context = TraceContext.parse(f"00-{TRACE}-{SPAN}-{given_flags}")
    assert context == TraceContext(TRACE, SPAN, sampled)
    assert context.header == f"00-{TRACE}-{SPAN}-{'01' if sampled else '00'}"


def test_what_later_versions_append_is_ignored() -> None:
    assert TraceContext.parse(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be") == TraceContext(TRACE, SPAN)


def test_a_span_below_another_has_the_same_id_in_every_process_and_no_others() -> None:
    parent = TraceContext(TRACE, SPAN)
    children = {parent.child(name).header for name in ("a 1", "a 1", "a 2", "b 1")}

    assert len(children) == 3
    assert parent.child("a 1").header == f"00-{TRACE}-fe543c1b39c572e3-01"
    assert all(header.startswith(f"00-{TRACE}-") for header in children)


def test_one_that_is_sent_twice_is_ignored() -> None:
    header = (b"traceparent", TraceContext(TRACE, SPAN).header.encode())
    padded = (b"traceparent", b" " + header[1] + b"\t")

    assert _parent([(b"accept", b"*/*"), header]) == TraceContext(TRACE, SPAN) == _parent([padded])
    assert _parent([header, header]) is None
    assert _parent([]) is None
