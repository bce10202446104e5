"""SECRETS_KEY: what secrets in the database are encrypted with, and what download links are signed with.

Fernet keys (https://github.com/fernet/spec/blob/master/Spec.md): the first one encrypts and signs, each decrypts and
verifies. What has another purpose is derived from them by HKDF (RFC 5869), so that no key serves two.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from src.errors import CannotOpen, NotStarted
from src.services.kit.kept_secret import kept_secret

FILE_NAME = "secrets_key"
#: Keys at once; a change of them needs two.
KEYS_MAX = 16
DERIVED_BYTES = 32
_ID_BYTES = 8
_KEY = re.compile(r"[A-Za-z0-9_-]{43}=", re.ASCII)


class SecretKeys:
    """Encrypts and decrypts secrets. Thread-safe.

    Args:
        keys: 32 bytes in URL-safe base64 each.

    Raises:
        ValueError: there is none, or one is malformed. The message gives its index, never the key itself.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not 1 <= len(keys) <= KEYS_MAX:
            raise ValueError(f"give 1 to {KEYS_MAX} keys")
        for place, key in enumerate(keys, start=1):
            if not _KEY.fullmatch(key):
                raise ValueError(f"key {place} is not 32 bytes in URL-safe base64")
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._keys = tuple(base64.urlsafe_b64decode(key) for key in keys)
        #: Tells, beside what is encrypted, which key it takes; the first one encrypts.
        self.ids = tuple(key[:_ID_BYTES].hex() for key in self.derived("id"))

    def seal(self, account: str, secret: bytes) -> bytes:
        """Encrypt a secret of an account; nobody can pass it off as another's."""
        return self._fernet.encrypt(_mark_of(account) + secret)

    def open(self, account: str, sealed: bytes) -> bytes:
        """Decrypt a secret of an account.

        Raises:
            CannotOpen: it was not encrypted for this account with one of the keys.
        """
        try:
            text = self._fernet.decrypt(sealed)
        except InvalidToken:
            text = b""
        mark = _mark_of(account)
        if not text.startswith(mark):
            raise CannotOpen("SECRETS_KEY of this server cannot decrypt a secret of the account.")
        return text[len(mark) :]

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """Return a key for a purpose, derived from each of the keys, in their order."""
        info = f"financial-report-generator {purpose}".encode()
        return tuple(HKDF(SHA256(), DERIVED_BYTES, None, info).derive(key) for key in self._keys)


def kept_key(folder: Path) -> str:
    """Return the key stored in a folder, creating it if needed. Concurrently starting processes agree on one.

    Raises:
        NotStarted: the file does not contain a key.
    """
    path = folder / FILE_NAME
    key = kept_secret(path, lambda: Fernet.generate_key().decode())
    try:
        SecretKeys([key])
    except ValueError:
        raise NotStarted(
            f"{path} contains no key (44 characters): restore it from a backup. Without it the webhook secrets of"
            " accounts are lost."
        ) from None
    return key


def _mark_of(account: str) -> bytes:
    return hashlib.sha256(account.encode()).digest()
