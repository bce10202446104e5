"""A line of the log for every change of a key or an account."""

import logging

from fastapi import Request

from src.services.identity.caller import Caller

log = logging.getLogger(__name__)


def note_change(request: Request, caller: Caller, what: str) -> None:
    """Log who did what, and from where; never a secret."""
    address = request.scope["address"]
    credential = f"Key {caller.key_id}" if caller.key_id else "A token"
    log.info("%s of account %s, from %s, %s.", credential, caller.owner.account, address, what)
