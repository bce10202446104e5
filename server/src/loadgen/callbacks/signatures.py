"""Verification of callback signatures with the reference library of Standard Webhooks, independent of our own code.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook, WebhookVerificationError

from src.loadgen.errors import CannotRun

SECRET_PREFIX = "whsec_"  # noqa: S105  the prefix of every secret, not a secret
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class SignatureCheck:
    """Verifies that a callback was signed recently with one of the secrets.

    Args:
        secrets: `whsec_…`; at least one.

    Raises:
        CannotRun: one of them is malformed; it is not shown.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._webhooks = [Webhook(_key(secret, index)) for index, secret in enumerate(secrets, start=1)]

    def is_good(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether one of the signatures is valid, and the timestamp at most 5 minutes off.

        Args:
            headers: the callback's headers, by lower-case name.
            body: the exact bytes received.
        """
        given = {name: headers.get(name, "") for name in HEADERS}
        return any(_verifies(webhook, given, body) for webhook in self._webhooks)


def _verifies(webhook: Webhook, headers: dict[str, str], body: bytes) -> bool:
    try:
        webhook.verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: malformed headers
        return False
    return True


def _key(secret: str, index: int) -> bytes:
    """Decode a secret strictly: the library skips characters that are not base64."""
    key = b""
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except ValueError:
            key = b""
    if not key:
        raise CannotRun(f"Secret {index} in LOADGEN_SIGNING_SECRETS is not {SECRET_PREFIX} and base64 after it.")
    return key
