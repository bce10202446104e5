"""Who calls: the account that owns and sees, and the name that is counted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from uuid import UUID

from src.services.outbound.callback_url import Loopback, Policy

#: No address is written like this, and no account may be called so.
RUN_NAME = "load generator"


class Kind(StrEnum):
    """How a caller proved who it is."""

    #: Not at all: it is known by its address.
    ADDRESS = "address"
    #: By the token of a load generator that this server started.
    RUN = "run"


class Scope(StrEnum):
    """What a caller may ask for."""

    READ = "read"
    SUBMIT = "submit"
    SUBMIT_HIGH = "submit:high"
    MANAGE = "manage"
    ADMIN = "admin"


#: What is open to everybody who needs no credentials.
OPEN_SCOPES = frozenset({Scope.READ, Scope.SUBMIT, Scope.SUBMIT_HIGH})


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a request is and who sees it, as its row says."""

    #: None: the account without a name, which is everybody's in the open mode.
    account: str | None = None
    #: The measurement that sent it, if one did: such a request is worked on like any other, but it stands in nobody's
    #: history and goes when the run has ended.
    run_id: UUID | None = None


#: The account without a name.
UNNAMED = Owner()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may do at most."""

    #: Whether the rate limits of the settings hold for it.
    rates: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever makes an HTTP call. An account owns and sees; a caller is counted."""

    #: What is counted by: rate limits, what waits, idempotency keys, lanes, reads. No two callers share one.
    name: str
    kind: Kind
    owner: Owner
    scopes: frozenset[Scope]
    limits: Limits
    #: Where it may be called back.
    callback_policy: Policy

    @classmethod
    def of_address(cls, name: str, callback_policy: Policy) -> Self:
        """Make the caller who is known by nothing but an address."""
        return cls(
            name=name,
            kind=Kind.ADDRESS,
            owner=UNNAMED,
            scopes=OPEN_SCOPES,
            limits=Limits(),
            callback_policy=callback_policy,
        )

    @classmethod
    def of_run(cls, run_id: UUID, receiver: str) -> Self:
        """Make the caller that a load generator of this server is, which is called back at one origin alone."""
        return cls(
            name=RUN_NAME,
            kind=Kind.RUN,
            owner=Owner(run_id=run_id),
            scopes=OPEN_SCOPES,
            limits=Limits(rates=False),
            callback_policy=Loopback(receiver),
        )
