"""Accounts of tokens that were looked up, so that a call with a good token asks nothing of the database."""

from collections.abc import Awaitable, Callable

from src.services.identity.account_store import Account
from src.services.kit.lru import LruDict

ACCOUNTS_REMEMBERED_MAX = 10_000


class KnownAccounts:
    """Accounts by name, as `KnownKeys` is of keys. Belongs to the server's loop.

    Args:
        look_up: returns an account, which it creates where there is none.
        hears_changes: whether this process hears of changed accounts; else the database is asked each time.
    """

    def __init__(self, look_up: Callable[[str], Awaitable[Account]], hears_changes: Callable[[], bool]) -> None:
        self._look_up = look_up
        self._hears_changes = hears_changes
        self._known: LruDict[str, Account] = LruDict(ACCOUNTS_REMEMBERED_MAX)
        #: Grows with every change that is heard.
        self._changes = 0

    async def get(self, name: str) -> Account:
        """Return an account.

        Raises:
            DatabaseAway: it has to be looked up, and PostgreSQL does not respond.
        """
        account = self._known.get(name) if self._hears_changes() else None
        if account is None:
            changes = self._changes
            account = await self._look_up(name)
            if changes == self._changes and self._hears_changes():
                self._known[name] = account
        return account

    def forget_all(self) -> None:
        """Look all accounts up again: one changed, or changes may have been missed."""
        self._changes += 1
        self._known.clear()
