"""Use cases of keys: nobody hands on more than they have."""

from collections.abc import Collection
from datetime import datetime, timedelta

from src.errors import Conflict, Invalid, NotFound, ScopeMissing
from src.services.identity.caller import Caller, Scope
from src.services.identity.key_store import ApiKey, KeyStore, NewKey, ordered

_NO_KEY = "There is no key with this id."
BOOTSTRAP = "This is BOOTSTRAP_ADMIN_KEY of the server's settings: take it out of them."


async def create(
    keys: KeyStore,
    caller: Caller,
    *,
    account: str | None,
    name: str,
    scopes: Collection[Scope],
    expires_at: datetime | None,
    now: datetime,
) -> tuple[ApiKey, str]:
    """Create a key; returns it and its text.

    Raises:
        ScopeMissing: the caller may not hand this on.
        Invalid: the key cannot be so.
    """
    account = account or caller.owner.account
    if account is None or (account != caller.owner.account and Scope.ADMIN not in caller.scopes):
        raise ScopeMissing("A key of another account asks for the scope admin.", Scope.ADMIN)
    _check_scopes(caller, scopes)
    expires_at = _end(caller, expires_at)
    return await keys.create(NewKey(account=account, name=name, scopes=frozenset(scopes), expires_at=expires_at), now)


async def page(
    keys: KeyStore, caller: Caller, account: str | None, cursor: str | None, limit: int
) -> tuple[list[ApiKey], str | None]:
    """Return keys that the caller may see, and the cursor of the next page.

    Raises:
        Invalid: no list gave out the cursor.
    """
    wanted = account
    if not caller.view.everybody:
        if account not in {None, caller.owner.account}:
            return [], None
        wanted = caller.owner.account
    after = ("", "")
    if cursor is not None:
        try:
            last = await get(keys, caller, cursor)
        except NotFound:
            raise Invalid("This is no next_cursor of a list.", "cursor") from None
        after = (last.account, last.id)
    found = await keys.after(wanted, after, limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


async def get(keys: KeyStore, caller: Caller, key_id: str) -> ApiKey:
    """Return one key.

    Raises:
        NotFound: there is none, or it belongs to another account.
    """
    key = await keys.get(key_id)
    if not caller.view.shows(key.account):
        raise NotFound(_NO_KEY)
    return key


async def rotate(
    keys: KeyStore, caller: Caller, key_id: str, *, overlap: timedelta, expires_at: datetime | None, now: datetime
) -> tuple[ApiKey, str]:
    """Replace a key; returns its successor and its text.

    Raises:
        NotFound: there is none, or it belongs to another account.
        ScopeMissing: the caller may not hand on what the key permits.
        Conflict: it was revoked or rotated before, or has expired.
        Invalid: the successor would have expired already.
    """
    old = await get(keys, caller, key_id)
    _check_scopes(caller, old.scopes)
    end = _end(caller, expires_at or old.expires_at)
    return await keys.rotate(old.id, now, overlap=overlap, expires_at=end)


async def revoke(keys: KeyStore, caller: Caller, key_id: str, *, bootstrap_id: str | None, now: datetime) -> None:
    """Revoke a key; revoking it again changes nothing.

    Raises:
        NotFound: there is none, or it belongs to another account.
        Conflict: it is the operator's key of the settings.
    """
    if key_id == bootstrap_id and caller.view.everybody:
        raise Conflict(BOOTSTRAP)
    await get(keys, caller, key_id)
    await keys.revoke(key_id, now)


def _check_scopes(caller: Caller, scopes: Collection[Scope]) -> None:
    for scope in ordered(scopes):
        if scope not in caller.scopes:
            raise ScopeMissing(f"Your key lacks the scope {scope}, so it cannot hand it on.", scope)


def _end(caller: Caller, expires_at: datetime | None) -> datetime | None:
    """Return when a key ends: no later than the key it is made with, unless that is the operator's."""
    if caller.expires_at is None or Scope.ADMIN in caller.scopes:
        return expires_at
    if expires_at is None:
        return caller.expires_at
    if expires_at > caller.expires_at:
        raise ScopeMissing("A key cannot outlive the one it is made with; that asks for admin.", Scope.ADMIN)
    return expires_at
