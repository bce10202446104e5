"""SECRETS_KEY: what it encrypts opens for the same account alone, and its change is a matter of two settings."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from src.errors import CannotOpen, NotStarted
from src.services.identity.secrets_at_rest import FILE_NAME, SecretKeys, kept_key

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_what_one_key_encrypted_every_server_with_that_key_opens_wherever_it_stands() -> None:
    sealed = SecretKeys([OLD]).seal("acme", b"secret")

    assert SecretKeys([NEW, OLD]).open("acme", sealed) == b"secret"
    assert SecretKeys([NEW, OLD]).seal("acme", b"secret") != sealed
    with pytest.raises(CannotOpen):
        SecretKeys([NEW]).open("acme", sealed)


def test_a_secret_that_was_moved_to_another_account_does_not_open() -> None:
    keys = SecretKeys([OLD])

    with pytest.raises(CannotOpen):
        keys.open("other", keys.seal("acme", b"secret"))


def test_what_is_derived_differs_by_purpose_and_key_and_tells_neither() -> None:
    keys = SecretKeys([NEW, OLD])
    derived = [*keys.derived("download links"), *keys.derived("id")]

    assert len(set(derived)) == 4
    assert SecretKeys([OLD]).derived("id") == keys.derived("id")[1:]
    assert keys.ids[1] == SecretKeys([OLD]).ids[0]
    assert all(key not in repr(derived) for key in (OLD, NEW))


@pytest.mark.parametrize("keys", [[], [""], ["x" * 44], [OLD[:-1]], [OLD, f"{NEW} "], [OLD] * 17])
def test_what_is_no_key_is_refused_without_being_repeated(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="key") as refused:
        SecretKeys(keys)

    assert not any(key and key in str(refused.value) for key in keys)


def test_the_kept_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    key = kept_key(tmp_path)

    assert kept_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
    assert SecretKeys([key]).ids


def test_a_kept_key_that_is_none_is_named_and_never_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("half a ke")

    with pytest.raises(NotStarted, match="restore it from a backup"):
        kept_key(tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == "half a ke"
