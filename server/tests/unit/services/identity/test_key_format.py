"""Keys are read as they were written, and whatever was mistyped is told without a lookup."""

import hashlib
import re
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.services.identity.key_format import (
    ALPHABET,
    KEY_LENGTH,
    MalformedKey,
    base62,
    generate_key,
    read_key,
    write_key,
)

ids = st.text(ALPHABET, min_size=8, max_size=8)
secrets = st.integers(0, 2**256 - 1)
keys = st.builds(write_key, ids, secrets)


def from_base62(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + ALPHABET.index(character)
    return number


@given(ids, secrets)
def test_a_key_has_the_form_that_secret_scanners_know(key_id: str, secret: int) -> None:
    key = write_key(key_id, secret)

    assert re.fullmatch(r"frg_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", key)
    assert len(key) == KEY_LENGTH == 62
    assert from_base62(key[13:56]) == secret
    assert from_base62(key[56:]) == zlib.crc32(key[:56].encode())


@given(ids, secrets)
def test_a_key_that_is_read_is_known_by_its_id_and_hash(key_id: str, secret: int) -> None:
    key = write_key(key_id, secret)
    read = read_key(key)

    assert (read.id, read.sha256) == (key_id, hashlib.sha256(key.encode()).digest())


def test_a_key_that_was_written_down_elsewhere_is_still_read() -> None:
    assert write_key("00000000", 0) == "frg_00000000_" + "0" * 43 + base62(zlib.crc32(b"frg_00000000_" + b"0" * 43), 6)
    assert base62(61, 1) == "z"
    assert base62(62, 3) == "010"


@given(keys, st.integers(4, KEY_LENGTH - 1), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_told(key: str, at: int, character: str) -> None:
    typo = key[:at] + character + key[at + 1 :]
    if typo != key:
        with pytest.raises(MalformedKey):
            read_key(typo)


@given(keys, st.integers(13, KEY_LENGTH - 2))
def test_two_neighbours_that_change_places_are_told(key: str, at: int) -> None:
    typo = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    if typo != key:
        with pytest.raises(MalformedKey):
            read_key(typo)


@given(keys, st.integers(0, KEY_LENGTH - 1))
def test_a_key_that_was_cut_is_told(key: str, length: int) -> None:
    with pytest.raises(MalformedKey):
        read_key(key[:length])


@given(st.text(max_size=100))
def test_any_other_text_is_no_key(text: str) -> None:
    with pytest.raises(MalformedKey):
        read_key(text)


@pytest.mark.parametrize("change", ["{} ", " {}", "{}\n", "{}\x00", "{}{}", "Bearer {}"])
def test_nothing_may_stand_around_a_key(change: str) -> None:
    key = generate_key()
    with pytest.raises(MalformedKey):
        read_key(change.replace("{}", key))


def test_keys_are_random() -> None:
    made = {generate_key() for _ in range(1_000)}

    assert len({key[4:12] for key in made}) == len({key[13:56] for key in made}) == 1_000


@given(keys)
def test_what_is_wrong_with_a_key_is_said_without_it(key: str) -> None:
    with pytest.raises(MalformedKey) as refused:
        read_key(key[:-1] + ("0" if key[-1] != "0" else "1"))

    assert key[13:56] not in str(refused.value)
    assert key[13:56] not in repr(read_key(key))
