"""What is kept of an answer's headers: text, bounded, and no cookie."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.outbound.kept_headers import CUT, RESPONSE_HEADERS_KEPT_BYTES_MAX, WITHHELD, kept_headers
from tests.support.callback_lanes import Connect, Start
from tests.support.raw_receivers import says

HEADERS = st.lists(st.tuples(st.binary(min_size=1, max_size=3000), st.binary(max_size=3000)), max_size=8)


def test_names_are_in_lower_case_and_values_of_one_name_are_joined() -> None:
    given_headers = [(b"Via", b"a"), (b"X-Trace", b"\xc3\xbc"), (b"VIA", b"b")]

    assert kept_headers(given_headers) == {"via": "a, b", "x-trace": "ü"}


@pytest.mark.parametrize("name", [b"Set-Cookie", b"set-cookie2", b"Authorization", b"Authentication-Info"])
def test_what_may_be_a_secret_of_the_receiver_is_not_kept(name: bytes) -> None:
    assert kept_headers([(name, b"session=5ecret")]) == {name.decode().lower(): WITHHELD}


def test_a_value_beyond_the_limit_is_cut_visibly_and_what_follows_is_left_out() -> None:
    kept = kept_headers([(b"a", b"x" * RESPONSE_HEADERS_KEPT_BYTES_MAX), (b"b", b"y")])

    assert kept == {"a": "x" * (RESPONSE_HEADERS_KEPT_BYTES_MAX - 1) + CUT}


@given(HEADERS)
def test_whatever_comes_is_bounded_text_that_postgresql_stores(headers: list[tuple[bytes, bytes]]) -> None:
    kept = kept_headers(headers)

    # A byte that is not UTF-8 becomes one character; joining adds two for each header.
    characters = sum(len(name) + len(value) for name, value in kept.items())
    assert characters <= RESPONSE_HEADERS_KEPT_BYTES_MAX + len(headers) * (2 + len(WITHHELD)) + len(CUT)
    assert "\0" not in "".join([*kept, *kept.values()])
    assert orjson.loads(orjson.dumps(kept)) == kept


async def test_an_answer_carries_its_headers(start: Start, connect: Connect) -> None:
    receiver = await start(
        says(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Encoding: br\r\nContent-Length: 0\r\n\r\n")
    )

    outcome = await connect(receiver.port).post()

    assert outcome.headers == {"retry-after": "1", "content-encoding": "br", "content-length": "0"}  # type: ignore[union-attr]
