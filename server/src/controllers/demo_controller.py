"""Use case of the demo receiver: find out whose a callback is."""

from src.services.delivery.message import request_of
from src.services.identity.caller import account_of as account_of_caller
from src.services.parts import Parts
from src.services.requests.owners import accounts_of


async def account_of(parts: Parts, webhook_id: str) -> str | None:
    """Return the account whose callback or ping has this id; None: the unnamed account's, or nobody's.

    Raises:
        DatabaseAway: PostgreSQL does not respond.
    """
    if parts.identity.authenticator.alone:
        return None
    pinged_by = parts.pinger.pinged_by(webhook_id)
    if pinged_by is not None:
        return account_of_caller(pinged_by)
    request_id = request_of(webhook_id)
    return None if request_id is None else (await accounts_of(parts.reader.read, [request_id])).get(request_id)
