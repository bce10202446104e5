"""Who signs for which account: secrets that are known cost no query, and those that changed are looked up again."""

import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from src.errors import CannotOpen
from src.services.delivery.signing import Signer, Version
from src.services.delivery.webhook_secrets import WebhookSecret
from src.services.identity.caller import Owner
from src.services.kit.group_commit import GroupCommit
from src.services.kit.lru import LruDict

#: Accounts whose secrets are remembered; others are looked up again.
ACCOUNTS_REMEMBERED_MAX = 10_000
#: Accounts looked up by one query.
LOOKED_UP_TOGETHER_MAX = 100


@dataclass(frozen=True, slots=True)
class Scheme:
    """Which signatures messages carry, and what signs for the unnamed account.

    Args:
        versions: at least one.
        secrets: `whsec_…`, newest first.
        signing_keys: of Ed25519, newest first.
    """

    versions: frozenset[Version]
    secrets: Sequence[str]
    signing_keys: Sequence[bytes]

    def unnamed(self) -> Signer:
        """Return the signer of the unnamed account."""
        return self.signer(self.secrets, self.signing_keys)

    def signer(self, secrets: Sequence[str], signing_keys: Sequence[bytes]) -> Signer:
        """Return a signer with some secrets and keys, as far as signatures of theirs are asked for."""
        return Signer(
            secrets if Version.V1 in self.versions else [], signing_keys if Version.V1A in self.versions else []
        )


class _Known:
    """The secrets of an account, and the signer of those that sign at a time."""

    def __init__(self, secrets: Sequence[WebhookSecret], scheme: Scheme) -> None:
        self._secrets = secrets
        self._scheme = scheme
        self._current: tuple[Sequence[WebhookSecret], Signer] | None = None

    def signer(self, now: datetime) -> Signer:
        alive = [one for one in self._secrets if one.expires_at is None or one.expires_at > now]
        if self._current is None or self._current[0] != alive:
            signer = self._scheme.signer([one.secret for one in alive], [one.signing_key for one in alive])
            self._current = alive, signer
        return self._current[1]


class KnownSecrets:
    """The secrets that were looked up, for all loops of a process. Thread-safe.

    What was looked up while it changed is not remembered, so that a rotation that is heard meanwhile is not lost.

    Args:
        hears_changes: whether this process hears of changed secrets; while it does not, the database is asked each
            time.
    """

    def __init__(self, hears_changes: Callable[[], bool]) -> None:
        self._hears_changes = hears_changes
        self._lock = threading.Lock()
        self._known: LruDict[str, _Known] = LruDict(ACCOUNTS_REMEMBERED_MAX)
        #: Grows with every change that is heard.
        self.changes = 0

    def get(self, account: str) -> _Known | None:
        """Return what is known of an account; None: look it up."""
        if not self._hears_changes():
            return None
        with self._lock:
            return self._known.get(account)

    def add(self, account: str, known: _Known, changes: int) -> None:
        """Remember what was looked up after so many changes."""
        with self._lock:
            if changes == self.changes:
                self._known[account] = known

    def forget(self, accounts: Collection[str]) -> None:
        """Look accounts up again: their secrets changed."""
        with self._lock:
            self.changes += 1
            for account in accounts:
                self._known.pop(account, None)

    def forget_all(self) -> None:
        """Look all accounts up again: changes may have been missed."""
        with self._lock:
            self.changes += 1
            self._known.clear()


class Signers:
    """The signers of all accounts, for one event loop.

    Args:
        scheme: which signatures messages carry.
        known: the secrets that were looked up.
        look_up: reads the secrets of accounts, newest first, or why there are none.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        scheme: Scheme,
        known: KnownSecrets,
        look_up: Callable[[Sequence[str]], Awaitable[Sequence[list[WebhookSecret] | CannotOpen]]],
        now: Callable[[], datetime],
    ) -> None:
        self._scheme = scheme
        self._unnamed = scheme.unnamed()
        # A load generator is told the secrets, and verifies with them.
        self._of_runs = Signer(scheme.secrets)
        self._known = known
        self._look_up: GroupCommit[str, list[WebhookSecret] | CannotOpen] = GroupCommit(
            look_up, items_max=LOOKED_UP_TOGETHER_MAX
        )
        self._now = now

    async def of(self, owner: Owner) -> Signer:
        """Return what signs for an owner now: never another's.

        Raises:
            CannotOpen: its secrets cannot be decrypted here.
            DatabaseAway: they have to be looked up, and PostgreSQL does not respond.
        """
        if owner.account is None:
            return self._unnamed if owner.run_id is None else self._of_runs
        known = self._known.get(owner.account)
        if known is None:
            changes = self._known.changes
            found = await self._look_up.submit(owner.account)
            if isinstance(found, CannotOpen):
                raise found
            known = _Known(found, self._scheme)
            self._known.add(owner.account, known, changes)
        return known.signer(self._now())
