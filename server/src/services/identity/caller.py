"""Callers: an account owns requests and sees them; a caller's name is what limits are counted by."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from src.errors import ScopeMissing
from src.models import Priority
from src.services.outbound.callback_url import Loopback, Policy

#: Cannot collide with an address, and is not allowed as the name of an account.
RUN_NAME = "load generator"


class Kind(StrEnum):
    """How a caller was authenticated."""

    #: Not at all: it is identified by its address.
    ADDRESS = "address"
    #: By the token of a load generator that this server started.
    RUN = "run"
    #: By a key of its account.
    KEY = "key"
    #: By a token that an issuer signed for its account.
    TOKEN = "token"  # noqa: S105


class Scope(StrEnum):
    """What a caller is permitted to do."""

    READ = "read"
    SUBMIT = "submit"
    SUBMIT_HIGH = "submit:high"
    MANAGE = "manage"
    ADMIN = "admin"


#: The scopes of callers without credentials.
OPEN_SCOPES = frozenset({Scope.READ, Scope.SUBMIT, Scope.SUBMIT_HIGH})


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a request, as stored in its row; decides who sees it."""

    #: None: the unnamed account, which all callers share in open mode.
    account: str | None = None
    #: The benchmark run that sent it, if any: such a request is processed like any other, but it appears in no history
    #: and is deleted when the run has ended.
    run_id: UUID | None = None


#: The unnamed account.
UNNAMED = Owner()

#: Precedes the name of an account where its caller is counted: no address begins like this.
ACCOUNT_MARK = "@"


def account_of(caller_name: str) -> str | None:
    """Return the account whose caller has this name; None for the address of an unauthenticated caller."""
    return caller_name.removeprefix(ACCOUNT_MARK) if caller_name.startswith(ACCOUNT_MARK) else None


@dataclass(frozen=True, slots=True)
class View:
    """Whose requests are visible: those of one account, or everybody's."""

    #: None: the unnamed account.
    account: str | None = None
    everybody: bool = False
    #: Whether no other account exists, so that what is counted for the whole service is its own.
    alone: bool = False

    @property
    def covers_service(self) -> bool:
        """Whether figures of the whole service may be shown."""
        return self.everybody or self.alone

    def of(self, account: str) -> "View":
        """Return what is visible of one named account: without everybody's view nothing but the own."""
        return View(account) if self.shows(account) else NOTHING

    def shows(self, account: str | None) -> bool:
        """Whether what belongs to an account is visible."""
        return self.everybody or self.account == account

    def shows_caller(self, name: str) -> bool:
        """Whether what is counted under a caller's name is visible."""
        return self.shows(account_of(name))


#: No account has this name.
NOTHING = View("")
#: What the operator sees, and the service itself.
EVERYTHING = View(everybody=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a caller."""

    #: Whether rate limits apply.
    rates: bool = True
    #: Those of its account, such as `30/minute` or `off`; None: those of the settings.
    rate_limit_sync: str | None = None
    rate_limit_async: str | None = None
    #: How many of its requests may wait; None: as many as the settings permit.
    max_pending: int | None = None


#: Those of the settings.
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Credential:
    """What tells whether a caller that was admitted still is."""

    account: str
    #: None: a token, which ends by itself or with its account.
    key_id: str | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The originator of an HTTP call."""

    #: Unique key of rate limits, the queue limit, idempotency keys, lanes and read slots.
    name: str
    kind: Kind
    owner: Owner
    scopes: frozenset[Scope]
    limits: Limits
    #: Decides which callback URLs it may use.
    callback_policy: Policy
    #: Whether only the unnamed account exists.
    alone: bool = False
    #: The key that was presented, and when it or the token ends; None: no key, never.
    key_id: str | None = None
    expires_at: datetime | None = None

    @property
    def view(self) -> View:
        """Whose requests it sees."""
        return EVERYTHING if Scope.ADMIN in self.scopes else View(self.owner.account, alone=self.alone)

    @property
    def own_view(self) -> View:
        """What belongs to its account alone, also where it sees more."""
        return View(self.owner.account)

    @property
    def credential(self) -> Credential | None:
        """The key or token of its account; None if it has none."""
        if self.kind not in {Kind.KEY, Kind.TOKEN} or self.owner.account is None:
            return None
        return Credential(self.owner.account, self.key_id, self.expires_at)

    @classmethod
    def of_address(cls, name: str, callback_policy: Policy, *, alone: bool = True) -> Self:
        """Create an unauthenticated caller, which is identified by its address.

        Args:
            name: the address.
            callback_policy: decides which callback URLs it may use.
            alone: whether only the unnamed account exists.
        """
        return cls(
            name=name,
            kind=Kind.ADDRESS,
            owner=UNNAMED,
            scopes=OPEN_SCOPES,
            limits=DEFAULT_LIMITS,
            callback_policy=callback_policy,
            alone=alone,
        )

    @classmethod
    def of_account(
        cls,
        account: str,
        scopes: Collection[Scope],
        callback_policy: Policy,
        *,
        key_id: str | None,
        expires_at: datetime | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Self:
        """Create the caller of an account: its keys and tokens are one caller, and `admin` includes every scope."""
        return cls(
            name=f"{ACCOUNT_MARK}{account}",
            kind=Kind.TOKEN if key_id is None else Kind.KEY,
            owner=Owner(account),
            scopes=frozenset(Scope if Scope.ADMIN in scopes else scopes),
            limits=limits,
            callback_policy=callback_policy,
            key_id=key_id,
            expires_at=expires_at,
        )

    @classmethod
    def of_run(cls, run_id: UUID, receiver: str) -> Self:
        """Create the caller of a benchmark run; callbacks may only go to the one origin `receiver`."""
        return cls(
            name=RUN_NAME,
            kind=Kind.RUN,
            owner=Owner(run_id=run_id),
            scopes=OPEN_SCOPES,
            limits=Limits(rates=False),
            callback_policy=Loopback(receiver),
        )


def check_priority(caller: Caller, priority: Priority) -> None:
    """Refuse a priority that the caller's key does not permit.

    Raises:
        ScopeMissing: it does not.
    """
    if priority is Priority.HIGH and Scope.SUBMIT_HIGH not in caller.scopes:
        raise ScopeMissing(f"Priority high asks for the scope {Scope.SUBMIT_HIGH}.", Scope.SUBMIT_HIGH)
