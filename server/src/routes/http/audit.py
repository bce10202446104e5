"""A line of the log for every change of a key or an account."""

import logging

from fastapi import Request

from src.services.identity.caller import Caller

log = logging.getLogger(__name__)


def note_change(request: Request, caller: Caller, what: str) -> None:
    """Log who did what, and from where; never a secret."""
    address = request.scope["address"]
    log.info("Key %s of account %s, from %s, %s.", caller.key_id, caller.owner.account, address, what)
