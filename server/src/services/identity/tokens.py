"""Access tokens of an issuer that the operator trusts: what they must say, and what a good one says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from src.services.identity.caller import Scope


class TokenInvalid(Exception):
    """A token is not accepted; a sentence that says why, without anything of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What tokens must say, from the settings."""

    issuer: str
    audience: str
    #: The claim that names the account, and what precedes the name.
    account_claim: str
    account_prefix: str
    #: Scopes that a token may give.
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class Token:
    """What a good token says."""

    account: str
    scopes: frozenset[Scope]
    #: Its `exp`; accepted for `CLOCK_SKEW_S` longer.
    expires_at: datetime


class Tokens(Protocol):
    """Checks tokens. Belongs to the server's loop."""

    async def read(self, credential: bytes) -> Token:
        """Check a token, and return what it says.

        Raises:
            TokenInvalid: it is not good.
            Unavailable: there are no keys to check it with.
        """

    def has_ended(self, expires_at: datetime) -> bool:
        """Return whether a token that ends then is no longer accepted."""
