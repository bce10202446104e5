"""Accepts requests in batches: one transaction each, positions in the order of arrival, each key used once."""

from collections.abc import Callable, Container, Sequence
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from src import failpoints
from src.errors import CallerQueueFull, DatabaseAway, IdempotencyKeyReused, QueueFull, TooManyReceivers
from src.models import Mode
from src.services.kit.group_commit import GroupCommit
from src.services.requests.backlog import Backlog, Verdict
from src.services.requests.receiver_quota import ReceiverQuota
from src.services.requests.records import Accepted, Duplicate, IdempotencyKey, NewRequest
from src.services.requests.store import RequestStore

ACCEPTS_IN_ONE_TRANSACTION_MAX = 256
#: Another request can take over a key between insert and lookup (the first one is deleted). Repeatedly is no accident.
KEY_LOOKUPS_MAX = 3


class AcceptBatcher:
    """Stores new requests; returns only after their transaction has been committed.

    Args:
        store: the request store of this event loop.
        pending_max: maximum number of waiting async requests.
        pending_per_caller_max: maximum number of waiting async requests per caller.
        receivers_per_caller_max: maximum number of receivers per caller with pending requests or callbacks.
        on_accepted: called after each transaction that made an async request visible.
        now: the time, aware UTC.
    """

    def __init__(
        self,
        store: RequestStore,
        *,
        pending_max: int,
        pending_per_caller_max: int,
        receivers_per_caller_max: int,
        on_accepted: Callable[[], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        #: The limits, which batches share.
        self.backlog = Backlog(
            store.count_waiting, pending_max=pending_max, pending_per_caller_max=pending_per_caller_max
        )
        self.receivers = ReceiverQuota(store.receivers_of, receivers_max=receivers_per_caller_max)
        self._on_accepted = on_accepted
        self._now = now
        self._commits = GroupCommit(self._write, items_max=ACCEPTS_IN_ONE_TRANSACTION_MAX)

    async def accept(self, request: NewRequest) -> Accepted | Duplicate:
        """Store a request, or return the one that its idempotency key already belongs to.

        Raises:
            IdempotencyKeyReused: the key was used with a different body.
            QueueFull: too many requests are waiting.
            CallerQueueFull: too many requests of this caller are waiting.
            TooManyReceivers: this caller has work pending for too many receivers.
            DatabaseAway: the request may or may not have been stored; an idempotency key makes a retry safe.
        """
        for _ in range(KEY_LOOKUPS_MAX):
            verdict = await self._admit(request) if request.mode is Mode.ASYNC else Verdict.ADMITTED
            if verdict is not Verdict.ADMITTED:
                return await self._find(request.idempotency_key) or refuse(verdict)
            accepted = await self._commits.submit(request)
            if accepted is not None:
                return accepted
            if (duplicate := await self._find(request.idempotency_key)) is not None:
                return duplicate
        raise DatabaseAway("The idempotency key is changing hands; try again.")

    async def _admit(self, request: NewRequest) -> Verdict | None:
        """Reserve capacity for a request; returns None if it would exceed the limit of receivers."""
        caller, receiver, own_max = request.caller.name, request.receiver, request.caller.limits.max_pending
        if receiver is not None and not await self.receivers.admit(caller, receiver):
            return None
        verdict = Verdict.QUEUE_FULL
        try:
            verdict = await self.backlog.admit(caller, own_max=own_max)
        finally:
            if verdict is not Verdict.ADMITTED and receiver is not None:
                self.receivers.settle(caller, receiver)
        return verdict

    async def drain(self) -> None:
        """Wait until every submitted request has been stored or has failed."""
        await self._commits.drain()

    async def _write(self, requests: Sequence[NewRequest]) -> list[Accepted | None]:
        try:
            created = await self._store.insert(requests)
        except BaseException:  # including cancellation: whether they are stored is unknown
            self._settle(requests, {request.id for request in requests})
            raise
        self._settle(requests, created)
        failpoints.reached("after_accept_commit")
        self._on_accepted()
        return [created.get(request.id) for request in requests]

    def _settle(self, requests: Sequence[NewRequest], stored: Container[UUID]) -> None:
        for request in requests:
            if request.mode is Mode.ASYNC:
                self.backlog.settle(request.caller.name, stored=request.id in stored)
            if request.receiver is not None:
                self.receivers.settle(request.caller.name, request.receiver)

    async def _find(self, key: IdempotencyKey | None) -> Duplicate | None:
        found = await self._store.find_by_keys([key], self._now()) if key else {}
        if not found:
            return None
        assert key is not None  # noqa: S101  nothing is found without a key
        fingerprint, duplicate = found[0]
        if fingerprint != key.fingerprint:
            raise IdempotencyKeyReused("This idempotency key was used with a different body; use a new key.")
        return duplicate


def refuse(verdict: Verdict | None) -> NoReturn:
    """Refuse a submission; None: its caller has work pending for too many receivers.

    Raises:
        TooManyReceivers, CallerQueueFull, QueueFull: as the verdict says.
    """
    if verdict is None:
        raise TooManyReceivers("Too many receivers wait for callbacks of yours; try again when some have got theirs.")
    if verdict is Verdict.CALLER_FULL:
        raise CallerQueueFull("Too many of your requests wait already; try again when some have ended.")
    raise QueueFull("Too many requests wait; try again later.")
