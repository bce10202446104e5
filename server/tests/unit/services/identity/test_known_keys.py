"""A known key costs no look-up, and one that changed is looked up again."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from src.services.identity.caller import DEFAULT_LIMITS, Scope
from src.services.identity.key_format import ReadKey, generate_key, read_key
from src.services.identity.key_store import ApiKey, StoredKey
from src.services.identity.known_keys import KnownKeys, Refusal

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READ = read_key(generate_key())
KEY = ApiKey(
    id=READ.id,
    account="acme",
    name="ci",
    scopes=(Scope.READ,),
    created_at=NOW,
    expires_at=None,
    revoked_at=None,
    replaced_by=None,
    last_used_at=None,
)
STORED = StoredKey(KEY, READ.sha256, account_disabled=False, limits=DEFAULT_LIMITS)


class Table:
    """What a database would say, and how often it was asked."""

    def __init__(self, stored: StoredKey | None = STORED) -> None:
        self.stored = stored
        self.asked = 0
        self.hears = True
        self.now = NOW
        self.answers = asyncio.Event()
        self.answers.set()

    async def look_up(self, _key_id: str) -> StoredKey | None:
        self.asked += 1
        stored = self.stored
        await self.answers.wait()
        return stored

    def keys(self) -> KnownKeys:
        return KnownKeys(self.look_up, hears_changes=lambda: self.hears, now=lambda: self.now)


async def test_a_known_key_is_looked_up_once() -> None:
    table = Table()
    keys = table.keys()

    assert [await keys.recognise(READ) for _ in range(3)] == [STORED] * 3
    assert table.asked == 1


async def test_a_server_that_hears_no_changes_asks_each_time() -> None:
    table = Table()
    keys = table.keys()
    await keys.recognise(READ)
    table.hears = False
    table.stored = replace(STORED, key=replace(KEY, revoked_at=NOW))

    assert await keys.recognise(READ) is Refusal.REVOKED
    assert table.asked == 2


@pytest.mark.parametrize("forget", [lambda keys: keys.forget(READ.id), lambda keys: keys.forget_all()])
async def test_a_revoked_key_is_refused_once_that_is_heard(forget: object) -> None:
    table = Table()
    keys = table.keys()
    await keys.recognise(READ)
    table.stored = replace(STORED, key=replace(KEY, revoked_at=NOW))
    forget(keys)  # type: ignore[operator]

    assert await keys.recognise(READ) is Refusal.REVOKED


async def test_a_revocation_that_is_heard_during_the_look_up_is_not_lost() -> None:
    table = Table()
    keys = table.keys()
    table.answers.clear()
    first = asyncio.create_task(keys.recognise(READ))
    await asyncio.sleep(0)
    table.stored = replace(STORED, key=replace(KEY, revoked_at=NOW))
    keys.forget(READ.id)
    table.answers.set()

    assert await first == STORED
    assert await keys.recognise(READ) is Refusal.REVOKED


@pytest.mark.parametrize(
    ("stored", "refusal"),
    [
        (None, Refusal.UNKNOWN),
        (replace(STORED, key=replace(KEY, revoked_at=NOW)), Refusal.REVOKED),
        (replace(STORED, account_disabled=True), Refusal.REVOKED),
        (replace(STORED, key=replace(KEY, expires_at=NOW)), Refusal.EXPIRED),
    ],
)
async def test_a_refusal_says_why_to_whoever_has_the_secret(stored: StoredKey | None, refusal: Refusal) -> None:
    keys = Table(stored).keys()

    assert await keys.recognise(READ) is refusal
    assert await keys.recognise(ReadKey(READ.id, b"?" * 32)) is Refusal.UNKNOWN


async def test_a_known_key_expires_by_itself() -> None:
    table = Table(replace(STORED, key=replace(KEY, expires_at=NOW + timedelta(seconds=1))))
    keys = table.keys()
    await keys.recognise(READ)
    table.now = NOW + timedelta(seconds=1)

    assert await keys.recognise(READ) is Refusal.EXPIRED
    assert table.asked == 1
