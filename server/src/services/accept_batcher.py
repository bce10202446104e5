"""Accepting requests: many at once, one transaction, positions in the order of arrival, each key used once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from src import crash_points
from src.errors import DatabaseAway, IdempotencyKeyReused, QueueFull
from src.models import Mode
from src.services.group_commit import GroupCommit
from src.services.records import Accepted, Duplicate, IdempotencyKey, NewRequest
from src.services.request_store import RequestStore

ACCEPTS_IN_ONE_TRANSACTION_MAX = 256
#: A key can change hands while we look (its request is deleted); more often than this it is not chance.
KEY_LOOKUPS_MAX = 3


#: Between two counts the number that wait is estimated from above.
BACKLOG_COUNTED_EVERY_MAX_S = 2.0
BACKLOG_COUNTED_EVERY_MIN_S = 0.1


class AcceptBatcher:
    """Stores new requests; an answer means that the transaction has been committed.

    Args:
        store: the statements, on this event loop.
        pending_max: async requests that may wait before `QueueFull` is raised.
        on_accepted: called after each transaction that made an async request visible.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        store: RequestStore,
        *,
        pending_max: int,
        on_accepted: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._backlog = Backlog(store.count_waiting, pending_max)
        self._on_accepted = on_accepted
        self._now = now
        self._commits = GroupCommit(self._write, items_max=ACCEPTS_IN_ONE_TRANSACTION_MAX)

    async def accept(self, request: NewRequest) -> Accepted | Duplicate:
        """Store one request, or find the one that its idempotency key already stands for.

        Raises:
            IdempotencyKeyReused: the key came with another body before.
            QueueFull: too many requests wait.
            DatabaseAway: whether it was stored is unknown; a key makes trying again safe.
        """
        for _ in range(KEY_LOOKUPS_MAX):
            if request.mode is Mode.ASYNC and not await self._backlog.admit():
                return await self._find(request.idempotency_key) or self._refuse()
            accepted = await self._commits.submit(request)
            if accepted is not None:
                return accepted
            if (duplicate := await self._find(request.idempotency_key)) is not None:
                return duplicate
        raise DatabaseAway("The idempotency key is changing hands; try again.")

    async def drain(self) -> None:
        """Wait until everything that was submitted has its answer."""
        await self._commits.drain()

    async def _write(self, requests: Sequence[NewRequest]) -> list[Accepted | None]:
        created = await self._store.insert(requests)
        crash_points.reached("after_accept_commit")
        self._on_accepted()
        return [created.get(request.id) for request in requests]

    async def _find(self, key: IdempotencyKey | None) -> Duplicate | None:
        found = await self._store.find_by_keys([key], self._now()) if key else {}
        if not found:
            return None
        assert key is not None  # noqa: S101  nothing is found without a key
        fingerprint, duplicate = found[0]
        if fingerprint != key.fingerprint:
            raise IdempotencyKeyReused("This idempotency key was used with another body; take a new key.")
        return duplicate

    def _refuse(self) -> Duplicate:
        raise QueueFull("Too many requests wait; try again later.")


class Backlog:
    """How many requests wait, so that there is a limit to it.

    Counting costs what waits, so it is done when the limit may be near, and every other second for the sake of
    other processes. In between, what was admitted is added and what was worked off is not subtracted: the
    estimate errs to the safe side.

    Args:
        count: counts what waits, up to a given number.
        pending_max: requests that may wait.
    """

    def __init__(self, count: Callable[[int], Awaitable[int]], pending_max: int) -> None:
        self._count = count
        self._pending_max = pending_max
        self._estimate = 0
        self._counted_at: float | None = None
        self._counting = asyncio.Lock()

    async def admit(self) -> bool:
        """Make room for one more, or say that there is none."""
        if self._is_stale():
            async with self._counting:
                if self._is_stale():
                    self._estimate = await self._count(self._pending_max)
                    self._counted_at = time.monotonic()
        if self._estimate >= self._pending_max:
            return False
        self._estimate += 1
        return True

    def _is_stale(self) -> bool:
        if self._counted_at is None:
            return True
        age_s = time.monotonic() - self._counted_at
        full = self._estimate >= self._pending_max
        return age_s > (BACKLOG_COUNTED_EVERY_MIN_S if full else BACKLOG_COUNTED_EVERY_MAX_S)
