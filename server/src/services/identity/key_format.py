"""How API keys are written: `frg_<id>_<secret><checksum>`, base62 throughout.

8 characters of id, 43 of secret (256 random bits), 6 of CRC-32 over everything before them. Secret scanners recognise
such a key, and a typo is detected without a lookup. A key is stored as its SHA-256 only: a slow hash protects secrets
that people choose, and these are random.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX = "frg_"
ID_LENGTH = 8
SECRET_BITS = 256
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
KEY_LENGTH = len(PREFIX) + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH

_KEY = re.compile(r"frg_(?P<id>[0-9A-Za-z]{8})_[0-9A-Za-z]{49}", re.ASCII)


class MalformedKey(ValueError):
    """The text is not a key: it has another form, or its checksum does not match."""


@dataclass(frozen=True, slots=True)
class ReadKey:
    """What is kept of a key after reading it: enough to find it and to recognise it again, not to present it."""

    id: str
    #: SHA-256 of the whole text.
    sha256: bytes = field(repr=False)


def generate_key() -> str:
    """Generate a new key."""
    key_id = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
    return write_key(key_id, secrets.randbits(SECRET_BITS))


def write_key(key_id: str, secret: int) -> str:
    """Write a key with its checksum.

    Args:
        key_id: 8 characters of `ALPHABET`.
        secret: a number of at most 256 bits.
    """
    head = f"{PREFIX}{key_id}_{base62(secret, SECRET_LENGTH)}"
    return head + _checksum(head)


def read_key(text: str) -> ReadKey:
    """Read a key.

    Raises:
        MalformedKey: it has another form, or was mistyped.
    """
    match = _KEY.fullmatch(text)
    if match is None:
        raise MalformedKey(f"A key has {KEY_LENGTH} characters and begins with {PREFIX}.")
    if _checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        raise MalformedKey("The key was mistyped or cut: its checksum does not match.")
    return ReadKey(match["id"], hashlib.sha256(text.encode("ascii")).digest())


def base62(number: int, length: int) -> str:
    """Write a non-negative number in base62, padded with `0`."""
    digits = []
    while number:
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits)).rjust(length, ALPHABET[0])


def _checksum(head: str) -> str:
    return base62(zlib.crc32(head.encode("ascii")), CHECKSUM_LENGTH)
