"""Accepts batches: all of a batch or nothing, within the limits of single requests, one durable commit."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from src import failpoints
from src.errors import DatabaseAway, IdempotencyKeyReused
from src.services.kit.group_commit import GroupCommit
from src.services.requests.accept_batcher import KEY_LOOKUPS_MAX, refuse
from src.services.requests.backlog import Backlog, Verdict
from src.services.requests.batch_records import Member, NewBatch, StoredBatch
from src.services.requests.batches import BatchStore
from src.services.requests.receiver_quota import ReceiverQuota
from src.services.requests.records import IdempotencyKey

#: Batches that share a transaction, which holds the lock on the counter of positions.
BATCHES_IN_ONE_TRANSACTION_MAX = 4


class BatchAccepter:
    """Stores new batches; returns only after their transaction has been committed.

    Args:
        store: the table, on this event loop.
        backlog: limits the waiting requests; shared with single submissions.
        receivers: limits the receivers per caller; likewise.
        on_accepted: called after each transaction that made requests visible.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        store: BatchStore,
        *,
        backlog: Backlog,
        receivers: ReceiverQuota,
        on_accepted: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._backlog = backlog
        self._receivers = receivers
        self._on_accepted = on_accepted
        self._now = now
        self._commits = GroupCommit(self._write, items_max=BATCHES_IN_ONE_TRANSACTION_MAX)

    async def accept(self, batch: NewBatch, count: Callable[[], Awaitable[None]]) -> StoredBatch:
        """Store a batch, or return the one that its idempotency key already belongs to.

        Args:
            batch: the batch.
            count: counts its entries against the rate limit; called last, when nothing else refuses it.

        Raises:
            IdempotencyKeyReused: the key was used with a different body.
            QueueFull, CallerQueueFull: so many requests more may not wait.
            TooManyReceivers: this caller has work pending for too many receivers.
            ServiceError: whatever `count` raises; nothing was stored.
            DatabaseAway: the batch may or may not have been stored; an idempotency key makes a retry safe.
        """
        key = batch.idempotency_key
        for _ in range(KEY_LOOKUPS_MAX):
            if key is not None and (known := await self._find(key)) is not None:
                return known
            await self._admit(batch)
            try:
                await count()
            except BaseException:
                self._settle([batch], stored=())
                raise
            first_position = await self._commits.submit(batch)
            if first_position is not None:
                return _stored(batch, first_position)
        raise DatabaseAway("The idempotency key is changing hands; try again.")

    async def drain(self) -> None:
        """Wait until every submitted batch has been stored or has failed."""
        await self._commits.drain()

    async def _admit(self, batch: NewBatch) -> None:
        """Reserve capacity for all of a batch, or for nothing.

        Raises:
            QueueFull, CallerQueueFull, TooManyReceivers: there is none.
        """
        caller = batch.caller.name
        admitted: list[str] = []
        verdict: Verdict | None = None
        try:
            for receiver in sorted(batch.receivers):
                if not await self._receivers.admit(caller, receiver):
                    refuse(None)
                admitted.append(receiver)
            verdict = await self._backlog.admit(caller, len(batch.entries), own_max=batch.caller.limits.max_pending)
        finally:
            if verdict is not Verdict.ADMITTED:
                for receiver in admitted:
                    self._receivers.settle(caller, receiver)
        if verdict is not Verdict.ADMITTED:
            refuse(verdict)

    async def _write(self, batches: Sequence[NewBatch]) -> list[int | None]:
        try:
            first_positions = await self._store.insert(batches)
        except BaseException:  # including cancellation: whether they are stored is unknown
            self._settle(batches, stored=batches)
            raise
        self._settle(batches, stored=[batch for batch in batches if batch.id in first_positions])
        failpoints.reached("after_batch_commit")
        self._on_accepted()
        return [first_positions.get(batch.id) for batch in batches]

    def _settle(self, batches: Sequence[NewBatch], *, stored: Iterable[NewBatch]) -> None:
        ids = {batch.id for batch in stored}
        for batch in batches:
            self._backlog.settle(batch.caller.name, len(batch.entries), stored=batch.id in ids)
            for receiver in batch.receivers:
                self._receivers.settle(batch.caller.name, receiver)

    async def _find(self, key: IdempotencyKey) -> StoredBatch | None:
        found = await self._store.find_by_key(key, self._now())
        if found is None:
            return None
        fingerprint, batch = found
        if fingerprint != key.fingerprint:
            raise IdempotencyKeyReused("This idempotency key was used with a different body; use a new key.")
        return batch


def _stored(batch: NewBatch, first_position: int) -> StoredBatch:
    members = [Member(index, entry.id, first_position + index) for index, entry in enumerate(batch.entries)]
    return StoredBatch(batch_id=batch.id, count=len(members), first_position=first_position, members=members)
