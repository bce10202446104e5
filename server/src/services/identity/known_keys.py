"""Keys that were looked up, so that a call with a known key asks nothing of the database."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from hmac import compare_digest

from src.services.identity.key_format import ReadKey
from src.services.identity.key_store import StoredKey
from src.services.kit.lru import LruDict

#: Keys that are remembered; others are looked up again.
KEYS_REMEMBERED_MAX = 10_000


class Refusal(StrEnum):
    """Why a key is refused: the slug of the problem."""

    UNKNOWN = "key-unknown"
    EXPIRED = "key-expired"
    REVOKED = "key-revoked"


class KnownKeys:
    """Recognises keys. Belongs to the server's loop.

    A key that is not known is looked up each time: the limit on failures bounds how often. What was looked up while
    it changed is not remembered, so that a revocation that is heard meanwhile is not lost.

    Args:
        look_up: finds a key by its id; None: there is none.
        hears_changes: whether this process hears of changed keys; while it does not, the database is asked each time.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        look_up: Callable[[str], Awaitable[StoredKey | None]],
        *,
        hears_changes: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._look_up = look_up
        self._hears_changes = hears_changes
        self._now = now
        self._known: LruDict[str, StoredKey] = LruDict(KEYS_REMEMBERED_MAX)
        #: Grows with every change that is heard.
        self._changes = 0

    async def recognise(self, read: ReadKey) -> StoredKey | Refusal:
        """Return the key that was presented, or why it is refused.

        Raises:
            DatabaseAway: it has to be looked up, and PostgreSQL does not respond.
        """
        stored = await self._stored(read.id)
        # Only whoever has the secret learns that a key was revoked or has expired.
        if stored is None or not compare_digest(stored.sha256, read.sha256):
            return Refusal.UNKNOWN
        return self._refusal(stored) or stored

    async def is_good(self, key_id: str) -> bool:
        """Return whether a key that was recognised before is still good.

        Raises:
            DatabaseAway: it has to be looked up, and PostgreSQL does not respond.
        """
        stored = await self._stored(key_id)
        return stored is not None and self._refusal(stored) is None

    def forget(self, key_id: str) -> None:
        """Look a key up again: it changed."""
        self._changes += 1
        self._known.pop(key_id, None)

    def forget_all(self) -> None:
        """Look all keys up again: an account changed, or changes may have been missed."""
        self._changes += 1
        self._known.clear()

    async def _stored(self, key_id: str) -> StoredKey | None:
        stored = self._known.get(key_id) if self._hears_changes() else None
        if stored is None:
            changes = self._changes
            stored = await self._look_up(key_id)
            if stored is not None and changes == self._changes and self._hears_changes():
                self._known[key_id] = stored
        return stored

    def _refusal(self, stored: StoredKey) -> Refusal | None:
        if stored.key.revoked_at is not None or stored.account_disabled:
            return Refusal.REVOKED
        if stored.key.expires_at is not None and stored.key.expires_at <= self._now():
            return Refusal.EXPIRED
        return None
