"""Signatures of callbacks according to Standard Webhooks 1.0.

`id.timestamp.body` is signed with HMAC-SHA256 (RFC 2104, FIPS 180-4), as `v1,<base64>`, or with Ed25519 (RFC 8032), as
`v1a,<base64>`; the header contains one for each secret and key, newest first, so that a receiver may have the old or
the new one during a rotation.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import re
import secrets as random_secrets
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of every secret, not a secret
SECRET_BYTES_MIN = 24
SECRET_BYTES_MAX = 64
NEW_SECRET_BYTES = 32
SIGNING_KEY_BYTES = 32
#: Maximum difference between the clocks of sender and receiver.
TOLERANCE_S = 300
#: Maximum number of signatures in one header; a rotation needs fewer.
SIGNATURES_MAX = 16

_ID = re.compile(r"[!-\-/-~]{1,255}")  # visible ASCII but the dot, which separates the signed parts
_TIMESTAMP = re.compile(r"[0-9]{1,15}")


class Version(StrEnum):
    """A kind of signature."""

    V1 = "v1"
    V1A = "v1a"


class SignatureRefused(Exception):
    """The message was not signed with one of the secrets, or not recently.

    Args:
        reason: one sentence; it never contains any part of the message.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Signer:
    """Signs messages with every secret and key, and verifies with any of them. Thread-safe.

    Args:
        secrets: `whsec_` and the base64 of 24 to 64 bytes each; signatures are in the same order.
        signing_keys: of Ed25519, 32 bytes each; their signatures follow.

    Raises:
        ValueError: there is none of either, or a secret is malformed. The message gives its index, never the secret.
    """

    def __init__(self, secrets: Sequence[str], signing_keys: Sequence[bytes] = ()) -> None:
        if isinstance(secrets, str) or not (secrets or signing_keys):
            raise ValueError("give a list with at least one webhook signing secret")
        hmac_keys = [_key(secret, place) for place, secret in enumerate(secrets, start=1)]
        # Both are deterministic: what is to be verified is signed again.
        self._signs: list[tuple[Version, Callable[[bytes], bytes]]] = [
            *((Version.V1, partial(_hmac, key)) for key in hmac_keys),
            *((Version.V1A, Ed25519PrivateKey.from_private_bytes(key).sign) for key in signing_keys),
        ]

    def headers(self, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
        """Return the three signature headers of an attempt.

        Args:
            message_id: the same for all attempts; visible ASCII without a dot.
            timestamp: the time of this attempt, seconds since 1970 UTC.
            body: exactly the bytes that are sent.

        Raises:
            ValueError: the id or the timestamp cannot be signed without ambiguity.
        """
        if not _ID.fullmatch(message_id):
            raise ValueError("a webhook id is 1 to 255 visible ASCII characters without a dot")
        if not 0 <= timestamp < 10**15:
            raise ValueError("a webhook timestamp is a number of seconds since 1970")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(self._signatures(message_id, str(timestamp), body)),
        }

    def verify(self, headers: Mapping[str, str], body: bytes, now: float, tolerance_s: float = TOLERANCE_S) -> None:
        """Verify that one of the secrets signed these bytes recently.

        Args:
            headers: of the received request; names are case-insensitive.
            body: exactly the bytes that were received.
            now: the receiver's time, seconds since 1970 UTC.
            tolerance_s: maximum age of the timestamp, and how far it may be in the future, seconds.

        Raises:
            SignatureRefused: the verification failed; the reason says why.
        """
        given = {name.lower(): value for name, value in headers.items()}
        message_id, timestamp, signatures = (
            given.get(f"webhook-{part}", "") for part in ("id", "timestamp", "signature")
        )
        if not (message_id and timestamp and signatures):
            raise SignatureRefused("webhook-id, webhook-timestamp and webhook-signature are all required")
        if not _ID.fullmatch(message_id):
            raise SignatureRefused("webhook-id is malformed")
        _check_age(timestamp, now, tolerance_s)
        offered = _offered(signatures)
        # Every pair is compared, so that timing does not reveal which secret or signature matched.
        expected = [signature.encode() for signature in self._signatures(message_id, timestamp, body)]
        if not sum(hmac.compare_digest(good, other) for good in expected for other in offered):
            raise SignatureRefused("no signature matches")

    def _signatures(self, message_id: str, timestamp: str, body: bytes) -> list[str]:
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        return [f"{version},{base64.b64encode(sign(signed)).decode()}" for version, sign in self._signs]


def new_secret() -> str:
    """Return a new random secret in the format of `Signer`."""
    return SECRET_PREFIX + base64.b64encode(random_secrets.token_bytes(NEW_SECRET_BYTES)).decode()


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _key(secret: str, place: int) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        raise ValueError(f"webhook signing secret {place} does not begin with {SECRET_PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"webhook signing secret {place} is not base64 after {SECRET_PREFIX}") from None
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"webhook signing secret {place} has {len(key)} bytes; it needs {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}"
        )
    return key


def _check_age(timestamp: str, now: float, tolerance_s: float) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("webhook-timestamp is not a number of seconds")
    age_s = now - int(timestamp)
    if age_s > tolerance_s:
        raise SignatureRefused("webhook-timestamp is too old")
    if age_s < -tolerance_s:
        raise SignatureRefused("webhook-timestamp is too far in the future")


def _offered(signatures: str) -> list[bytes]:
    offered = signatures.split(" ")
    if len(offered) > SIGNATURES_MAX:
        raise SignatureRefused("webhook-signature holds too many signatures")
    return [one.encode("utf-8", "surrogatepass") for one in offered]
