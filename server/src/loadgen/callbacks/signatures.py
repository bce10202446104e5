"""Checks signatures of callbacks with the reference library of Standard Webhooks, not with a copy of our own code.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook, WebhookVerificationError

from src.loadgen.errors import CannotRun

SECRET_PREFIX = "whsec_"  # noqa: S105  the mark in front of every secret, not a secret
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class SignatureCheck:
    """Says of a callback whether a holder of one of the secrets sent it just now.

    Args:
        secrets: `whsec_…`; at least one.

    Raises:
        CannotRun: one of them is malformed; it is not shown.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._webhooks = [Webhook(_key(secret, place)) for place, secret in enumerate(secrets, start=1)]

    def is_good(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether one of the signatures is right, and the timestamp at most 5 minutes away.

        Args:
            headers: of the callback, looked up by names in lower case.
            body: exactly the bytes that came.
        """
        given = {name: headers.get(name, "") for name in HEADERS}
        return any(_verifies(webhook, given, body) for webhook in self._webhooks)


def _verifies(webhook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: what is not even text, base64 or a pair
        return False
    return True


def _key(secret: str, place: int) -> bytes:
    """Read a secret strictly: the library passes over characters that are not of base64."""
    key = b""
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except ValueError:
            key = b""
    if not key:
        raise CannotRun(f"Secret {place} in LOADGEN_SIGNING_SECRETS is not {SECRET_PREFIX} and base64 after it.")
    return key
