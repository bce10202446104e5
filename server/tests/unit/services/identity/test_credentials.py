"""One key, in one header: whatever could be read in two ways is refused."""

import pytest

from src.services.identity.credentials import AmbiguousCredentials, MalformedCredentials, key_in, presented
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
