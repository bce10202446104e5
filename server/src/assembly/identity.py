"""Creates the parts that recognise callers."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from src.assembly.data import Data
from src.assembly.outbound import Outbound
from src.assembly.rules import bootstrap_key, token_rules
from src.assembly.signing import Signing
from src.config import Settings
from src.services.identity.account_store import AccountStore
from src.services.identity.authenticator import Authenticator
from src.services.identity.callback_policies import CallbackPolicies
from src.services.identity.key_store import KeyStore, StoredKey
from src.services.identity.known_accounts import KnownAccounts
from src.services.identity.known_keys import KnownKeys
from src.services.identity.last_use import LastUse
from src.services.identity.sessions import Sessions
from src.services.identity.ticket_store import TicketStore
from src.services.identity.tokens import Tokens
from src.services.kit.group_commit import GroupCommit
from src.services.parts import IdentityParts
from src.services.requests.changes import Changes, Hearing

#: Keys looked up by one query. Guesses share them: however many there are, one query is under way at a time.
KEYS_IN_ONE_QUERY_MAX = 100
#: How often a silent listener is checked once there are accounts, seconds: a revocation holds within 1 s.
LISTENER_CHECKED_EVERY_S = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The parts that recognise callers."""

    parts: IdentityParts
    #: Whether this process hears of changed keys.
    hearing: Hearing
    last_use: LastUse
    signing: Signing
    now: Callable[[], datetime]

    async def changed(self, changes: Changes) -> None:
        """Look up again what changed.

        Raises:
            DatabaseAway: PostgreSQL does not respond.
        """
        self.signing.known.forget(changes.secrets)
        if changes.keys or changes.accounts:
            await self.parts.authenticator.changed(changes.keys, changes.accounts, self.now())
            self._check_the_listener()
            self.parts.sessions.judge()
            self._look_for_missing_secrets()

    async def start_over(self) -> None:
        """Look everything up again: changes may have been missed.

        Raises:
            DatabaseAway: PostgreSQL does not respond.
        """
        self.signing.known.forget_all()
        await self.parts.authenticator.start_over(self.now())
        self._look_for_missing_secrets()
        self._check_the_listener()
        self.parts.sessions.judge()

    def _look_for_missing_secrets(self) -> None:
        if not self.parts.authenticator.alone:
            self.signing.missing.look()

    def _check_the_listener(self) -> None:
        if not self.parts.authenticator.alone:
            self.hearing.checked_every_s = LISTENER_CHECKED_EVERY_S


def open_identity(
    settings: Settings,
    data: Data,
    policies: CallbackPolicies,
    outbound: Outbound,
    *,
    now: Callable[[], datetime],
) -> Identity:
    """Create the parts that recognise callers."""
    key_store, accounts, tickets = KeyStore(data.pool), AccountStore(data.pool), TicketStore(data.pool)
    hearing = outbound.signing.hearing
    look_up: GroupCommit[str, StoredKey | None] = GroupCommit(key_store.stored, items_max=KEYS_IN_ONE_QUERY_MAX)
    keys = KnownKeys(look_up.submit, hears_changes=lambda: hearing.is_current, now=now)
    last_use = LastUse(key_store.used, now)
    authenticator = Authenticator(
        keys,
        accounts,
        tickets,
        tokens=_tokens(settings, outbound.tls, now),
        known_accounts=KnownAccounts(lambda name: accounts.ensure(name, now()), lambda: hearing.is_current),
        bootstrap=bootstrap_key(settings),
        callback_policy=policies.of_accounts,
        note_use=last_use.note,
    )
    parts = IdentityParts(
        authenticator=authenticator,
        keys=key_store,
        accounts=accounts,
        tickets=tickets,
        sessions=Sessions(authenticator.is_good),
    )
    return Identity(parts=parts, hearing=hearing, last_use=last_use, signing=outbound.signing, now=now)


def _tokens(settings: Settings, tls: ssl.SSLContext, now: Callable[[], datetime]) -> Tokens | None:
    """Create what checks the tokens of the issuer, if one is trusted."""
    rules = token_rules(settings)
    if rules is None:
        return None
    from src.services.identity.issuer_keys import IssuerKeys  # noqa: PLC0415  only then
    from src.services.identity.json_web_tokens import JsonWebTokens  # noqa: PLC0415
    from src.services.outbound.documents import fetch_document  # noqa: PLC0415

    return JsonWebTokens(rules, IssuerKeys(partial(fetch_document, settings.jwt_jwks_url, tls)), now)
