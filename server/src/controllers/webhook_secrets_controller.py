"""Use cases of webhook secrets: an account sees and rotates its own alone."""

from datetime import timedelta

from src.errors import CannotOpen
from src.services.delivery.webhook_secrets import WebhookSecret
from src.services.identity.caller import Owner
from src.services.parts import Parts


async def read(parts: Parts, account: str) -> list[WebhookSecret]:
    """Return the secrets that sign for an account, newest first; the first one is created where there is none.

    Raises:
        CannotOpen: they cannot be decrypted by this server.
        DatabaseAway: PostgreSQL does not respond.
    """
    [found] = await parts.webhooks.store.of([account])
    if isinstance(found, CannotOpen):
        raise found
    return found


async def rotate(parts: Parts, account: str, overlap: timedelta) -> WebhookSecret:
    """Create a new secret. From now on every attempt that begins in this process carries its signature.

    Raises:
        Conflict: as many secrets sign as may at once.
        CannotOpen: the present one cannot be decrypted by this server.
        DatabaseAway: PostgreSQL does not respond.
    """
    try:
        return await parts.webhooks.store.rotate(account, overlap)
    finally:  # sooner than the database announces it, and also where it did but did not answer
        parts.webhooks.known.forget([account])


async def newest(parts: Parts, owner: Owner) -> str:
    """Return the secret that signs an owner's callbacks.

    Raises:
        CannotOpen: it cannot be decrypted by this server.
        DatabaseAway: PostgreSQL does not respond.
    """
    if owner.account is None:
        return parts.signing_secret
    return (await read(parts, owner.account))[0].secret
