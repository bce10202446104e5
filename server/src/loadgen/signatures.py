"""Checks what Standard Webhooks 1.0 signs: `id.timestamp.body`, HMAC-SHA256, `v1,<base64>`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Mapping, Sequence

from src.loadgen.errors import CannotRun

SECRET_PREFIX = "whsec_"  # noqa: S105  the mark in front of every secret, not a secret
TOLERANCE_S = 300


class SignatureCheck:
    """Says of a callback whether a holder of one of the secrets sent it just now.

    Args:
        secrets: `whsec_…`; at least one.
        now: seconds since 1970 UTC.

    Raises:
        CannotRun: one of them is malformed; it is not shown.
    """

    def __init__(self, secrets: Sequence[str], now: Callable[[], float] = time.time) -> None:
        self._keys = [_key(secret, place) for place, secret in enumerate(secrets, start=1)]
        self._now = now

    def is_good(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether one of the signatures is right, and the timestamp recent.

        Args:
            headers: of the callback, names in any case.
            body: exactly the bytes that came.
        """
        message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not (timestamp.isascii() and timestamp.isdigit() and abs(self._now() - int(timestamp[:15])) <= TOLERANCE_S):
            return False
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        offered = headers.get("webhook-signature", "").encode().split(b" ")
        expected = [b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256")) for key in self._keys]
        return any(hmac.compare_digest(good, other) for good in expected for other in offered)


def _key(secret: str, place: int) -> bytes:
    refusal = CannotRun(f"Secret {place} in LOADGEN_SIGNING_SECRETS is not {SECRET_PREFIX} and base64 after it.")
    if not secret.startswith(SECRET_PREFIX):
        raise refusal
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise refusal from None
