"""Names the caller of a key or token, and whoever may see the whole service because nobody else is there."""

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime
from hmac import compare_digest

from src.services.identity.account_store import AccountStore
from src.services.identity.caller import DEFAULT_LIMITS, Caller, Credential, Scope
from src.services.identity.credentials import key_in
from src.services.identity.key_format import PREFIX, MalformedKey, ReadKey
from src.services.identity.key_store import OPERATOR, StoredKey
from src.services.identity.known_accounts import KnownAccounts
from src.services.identity.known_keys import KEYS_REMEMBERED_MAX, KnownKeys, Refusal
from src.services.identity.ticket_store import TICKET_LIFETIME_S, TicketStore
from src.services.identity.tokens import Token, TokenInvalid, Tokens
from src.services.kit.lru import LruDict
from src.services.outbound.callback_url import Policy

MALFORMED = "key-malformed"
TOKEN_INVALID = "token-invalid"  # noqa: S105  a slug
TICKET_INVALID = "ticket-invalid"
_DETAILS = {
    Refusal.UNKNOWN: "There is no such key.",
    Refusal.EXPIRED: "The key has expired.",
    Refusal.REVOKED: "The key was revoked, or its account is disabled.",
}


class CredentialRefused(Exception):
    """A credential is not accepted.

    Args:
        slug: the slug of the problem.
        detail: one sentence for the caller; never the credential.
        key_id: the id in the credential, if it could be read.
    """

    def __init__(self, slug: str, detail: str, key_id: str | None = None) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.key_id = key_id


class Authenticator:
    """Recognises keys and tokens, and makes callers of them. Belongs to the server's loop.

    Args:
        keys: the keys of accounts.
        accounts: tells whether there are any, and what the operator's own limits are.
        tickets: of event streams.
        tokens: checks those of the issuer; None: no issuer is trusted.
        known_accounts: of tokens.
        bootstrap: the operator's key of the settings, if there is one.
        callback_policy: decides which callback URLs accounts may use.
        note_use: is told the id of each key that is accepted.
    """

    def __init__(
        self,
        keys: KnownKeys,
        accounts: AccountStore,
        tickets: TicketStore,
        *,
        tokens: Tokens | None,
        known_accounts: KnownAccounts,
        bootstrap: ReadKey | None,
        callback_policy: Policy,
        note_use: Callable[[str], None],
    ) -> None:
        self._keys = keys
        self._accounts = accounts
        self._tickets = tickets
        self._tokens = tokens
        self._known_accounts = known_accounts
        self._bootstrap = bootstrap
        self._policy = callback_policy
        self._note_use = note_use
        self._callers: LruDict[str, tuple[StoredKey, Caller]] = LruDict(KEYS_REMEMBERED_MAX)
        #: Keys that were accepted, by their SHA-256.
        self._read: LruDict[bytes, ReadKey] = LruDict(KEYS_REMEMBERED_MAX)
        self._limits_of_operator = DEFAULT_LIMITS
        #: Whether only the unnamed account exists. False until that is known.
        self.alone = False

    @property
    def bootstrap_id(self) -> str | None:
        """The id of the operator's key of the settings, if there is one."""
        return None if self._bootstrap is None else self._bootstrap.id

    async def identify(self, credential: bytes) -> Caller:
        """Return the caller of a credential.

        Raises:
            CredentialRefused: it is not good.
            DatabaseAway: it has to be looked up, and PostgreSQL does not respond.
            Unavailable: it is a token, and there are no keys to check it with.
        """
        if self._tokens is not None and not credential.startswith(PREFIX.encode()):
            return await self._identify_token(self._tokens, credential)
        # Its checksum tells a typo from an unknown key; of one that was accepted before it need not be computed again,
        # which takes longer than all the rest.
        read = self._read.get(hashlib.sha256(credential).digest())
        if read is None:
            try:
                read = key_in(credential)
            except MalformedKey as error:
                raise CredentialRefused(MALFORMED, str(error)) from None
        if self._bootstrap is not None and compare_digest(self._bootstrap.sha256, read.sha256):
            return self._operator(read.id)
        found = await self._keys.recognise(read)
        if isinstance(found, Refusal):
            raise CredentialRefused(found, _DETAILS[found], read.id)
        self._note_use(read.id)
        key, caller = self._callers.get(read.id, (None, None))
        if caller is None or key is not found:
            caller = self._caller(found)
            self._callers[read.id] = found, caller
            self._read[read.sha256] = read
        return caller

    async def redeem(self, ticket: str) -> Caller | None:
        """Use up a ticket of an event stream; returns its maker, None for the unnamed account.

        Raises:
            CredentialRefused: there is no such ticket any more, or the key of its maker is no longer good.
            DatabaseAway: PostgreSQL does not respond.
        """
        found = await self._tickets.redeem(ticket)
        if found is None:
            detail = f"There is no such ticket: each is good for one stream, within {TICKET_LIFETIME_S} s."
            raise CredentialRefused(TICKET_INVALID, detail)
        if found.account is None:
            return None
        if not await self.is_good(Credential(found.account, found.key_id, found.credential_expires_at)):
            detail = "The key or token that made the ticket is no longer good."
            raise CredentialRefused(TICKET_INVALID, detail, found.key_id)
        return Caller.of_account(
            found.account,
            found.scopes,
            self._policy,
            key_id=found.key_id,
            expires_at=found.credential_expires_at,
        )

    async def is_good(self, credential: Credential) -> bool:
        """Return whether a credential that was accepted before still is.

        Raises:
            DatabaseAway: it has to be looked up, and PostgreSQL does not respond.
        """
        key_id, expires_at = credential.key_id, credential.expires_at
        if key_id is not None:
            return (self._bootstrap is not None and key_id == self._bootstrap.id) or await self._keys.is_good(key_id)
        if self._tokens is None or expires_at is None or self._tokens.has_ended(expires_at):
            return False
        return (await self._known_accounts.get(credential.account)).disabled_at is None

    async def start_over(self, now: datetime) -> None:
        """Look everything up again: changes may have been missed.

        Raises:
            DatabaseAway: PostgreSQL does not respond.
        """
        self._keys.forget_all()
        self._known_accounts.forget_all()
        if self._bootstrap is not None:
            # Other servers, without this setting, are not alone either.
            self._limits_of_operator = (await self._accounts.ensure(OPERATOR, now)).limits
        self.alone = not await self._accounts.any()

    async def changed(self, keys: Collection[str], accounts: Collection[str], now: datetime) -> None:
        """Look up again what changed.

        Raises:
            DatabaseAway: PostgreSQL does not respond.
        """
        for key_id in keys:
            self._keys.forget(key_id)
        if accounts:
            self.alone = False
            self._keys.forget_all()
            self._known_accounts.forget_all()
        if self._bootstrap is not None and OPERATOR in accounts:
            self._limits_of_operator = (await self._accounts.ensure(OPERATOR, now)).limits

    async def _identify_token(self, tokens: Tokens, credential: bytes) -> Caller:
        try:
            token: Token = await tokens.read(credential)
        except TokenInvalid as error:
            raise CredentialRefused(TOKEN_INVALID, str(error)) from None
        account = await self._known_accounts.get(token.account)
        if account.disabled_at is not None:
            raise CredentialRefused(TOKEN_INVALID, "The account of the token is disabled.")
        return Caller.of_account(
            token.account,
            token.scopes,
            self._policy,
            key_id=None,
            expires_at=token.expires_at,
            limits=account.limits,
        )

    def _caller(self, found: StoredKey) -> Caller:
        key = found.key
        return Caller.of_account(
            key.account, key.scopes, self._policy, key_id=key.id, expires_at=key.expires_at, limits=found.limits
        )

    def _operator(self, key_id: str) -> Caller:
        limits = self._limits_of_operator
        return Caller.of_account(OPERATOR, frozenset(Scope), self._policy, key_id=key_id, limits=limits)
