"""Frozen records of batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from src.models import Callbacks
from src.services.identity.caller import Caller
from src.services.requests.records import IdempotencyKey, NewRequest
from src.trace_context import TraceContext, current_trace

ENTRIES_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A validated batch that is to be stored; all of its entries are async and of one caller."""

    id: UUID
    caller: Caller
    entries: Sequence[NewRequest]
    created_at: datetime
    name: str | None = None
    callbacks: Callbacks = Callbacks.EACH
    #: Canonical callback URL and its receiver, of `batch.completed`; both null where none is wanted.
    callback_url: str | None = None
    receiver: str | None = None
    idempotency_key: IdempotencyKey | None = None
    #: The trace of the HTTP call that submitted it.
    trace: TraceContext | None = field(default_factory=current_trace.get)

    @property
    def receivers(self) -> set[str]:
        """Everybody who will be called back."""
        found = {self.receiver, *(entry.receiver for entry in self.entries)}
        return {receiver for receiver in found if receiver is not None}


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of a batch."""

    index: int
    request_id: UUID
    queue_position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch that is in the table, just now or since an earlier submission with the same key."""

    batch_id: UUID
    #: As submitted.
    count: int
    first_position: int
    #: In order; of an earlier submission without those that were deleted since.
    members: Sequence[Member]
    is_duplicate: bool = False

    @property
    def last_position(self) -> int:
        """The queue position of the last entry."""
        return self.first_position + self.count - 1
