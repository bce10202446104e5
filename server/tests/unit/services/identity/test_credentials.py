"""One key, in one header: whatever could be read in two ways is refused."""

import pytest

from src.services.identity.credentials import AmbiguousCredentials, MalformedCredentials, key_in, presented, ticket_in
from src.services.identity.key_format import generate_key, read_key

KEY = generate_key().encode()
BEARER, API_KEY = b"authorization", b"x-api-key"


@pytest.mark.parametrize(
    "header", [(BEARER, b"Bearer " + KEY), (BEARER, b"bEARER   " + KEY + b" "), (API_KEY, b" " + KEY + b"\t")]
)
def test_a_key_is_found_in_either_header(header: tuple[bytes, bytes]) -> None:
    found = presented([(b"host", b"localhost"), header])

    assert found == KEY
    assert key_in(found) == read_key(KEY.decode())


def test_a_call_without_credentials_presents_none() -> None:
    assert presented([(b"host", b"localhost")]) is None


@pytest.mark.parametrize("names", [(BEARER, API_KEY), (BEARER, BEARER), (API_KEY, API_KEY)])
def test_several_credentials_are_ambiguous(names: tuple[bytes, bytes]) -> None:
    with pytest.raises(AmbiguousCredentials):
        presented([(name, b"Bearer " + KEY) for name in names])


@pytest.mark.parametrize(
    "header",
    [(BEARER, b""), (BEARER, b"Bearer"), (BEARER, b"Bearer  "), (BEARER, b"Basic " + KEY), (BEARER, KEY),
     (API_KEY, b""), (API_KEY, b"k" * 9_000)],
)  # fmt: skip
def test_what_cannot_be_a_key_is_malformed(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(MalformedCredentials):
        presented([header])


@pytest.mark.parametrize(
    ("query", "ticket"),
    [(b"", None), (b"a=ticket", None), (b"tickets=a", None), (b"ticket=", ""), (b"a=b&ticket=c-_%2B", "c-_+")],
)
def test_a_ticket_is_found_in_a_query(query: bytes, ticket: str | None) -> None:
    assert ticket_in(query) == ticket


def test_several_tickets_are_ambiguous() -> None:
    with pytest.raises(AmbiguousCredentials):
        ticket_in(b"ticket=a&%74icket=b")
