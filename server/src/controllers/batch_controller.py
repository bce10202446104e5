"""Use cases of batches: submit, look, cancel, redeliver, delete."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Row

from src.errors import AlreadyEnded, Conflict, ForbiddenCallbackUrl, Invalid, InvalidEntries, NoCallback, NotFound
from src.models import BatchStatus, Callbacks, CallbackStatus, Mode, Priority
from src.random_ids import new_uuid
from src.services.delivery.cancellations import SEEN_OWED_FOR
from src.services.delivery.sent_requests import SentRequest, SentRequests
from src.services.identity.caller import Caller, View, check_priority
from src.services.outbound.callback_url import CallbackUrl
from src.services.parts import Parts
from src.services.report_generator import Asked, ReportParameters
from src.services.requests.batch_accepting import BatchAccepter
from src.services.requests.batch_records import NewBatch, StoredBatch
from src.services.requests.batches import BatchState, BatchStore, Entries
from src.services.requests.records import Cancelled, IdempotencyKey, LaneKey, NewRequest

BATCH_ROUTE = "/api/batch"
#: Positions have at most so many digits.
POSITION_DIGITS_MAX = 18


class AskedEntry(Protocol):
    """An entry as submitted."""

    @property
    def payload(self) -> Asked:
        """The report."""

    @property
    def callback_url(self) -> str | None:
        """Where the result goes."""

    @property
    def priority(self) -> Priority:
        """How urgent it is."""


class AskedBatch(Protocol):
    """A batch as submitted."""

    @property
    def name(self) -> str | None:
        """Its name."""

    @property
    def requests(self) -> Sequence[AskedEntry]:
        """Its entries."""

    @property
    def callback_url(self) -> str | None:
        """Where `batch.completed` goes."""

    @property
    def callbacks(self) -> Callbacks:
        """Who is called back."""


def prepare(
    asked: AskedBatch, caller: Caller, key: IdempotencyKey | None, now: datetime, *, transactions_max: int
) -> NewBatch:
    """Check a batch as a whole, and build what is stored of it. Pure; takes some 10 us for each entry.

    Raises:
        ScopeMissing: the caller may not submit at the priority of an entry.
        InvalidEntries: something in it is not allowed; all faults are named.
    """
    urls = _Urls(caller)
    _check(asked, caller, urls, transactions_max)
    today = now.date()
    own = urls.target(asked.callback_url)
    entries = []
    for entry in asked.requests:
        target = urls.target(entry.callback_url)
        entries.append(
            NewRequest(
                id=new_uuid(),
                mode=Mode.ASYNC,
                caller=caller,
                parameters=ReportParameters.of(entry.payload, today),
                created_at=now,
                callback_url=target.url if target else None,
                receiver=target.receiver if target else None,
                priority=entry.priority,
            )
        )
    return NewBatch(
        id=new_uuid(),
        caller=caller,
        entries=entries,
        created_at=now,
        name=asked.name,
        callbacks=asked.callbacks,
        callback_url=own.url if own else None,
        receiver=own.receiver if own else None,
        idempotency_key=key,
    )


async def submit(accepter: BatchAccepter, batch: NewBatch, count: Callable[[], Awaitable[None]]) -> StoredBatch:
    """Make a batch durable; the worker does the rest.

    Args:
        accepter: stores it.
        batch: the batch.
        count: counts its entries against the rate limit.

    Raises:
        IdempotencyKeyReused: the key was used with a different body.
        BatchExceedsRateLimit: it has more entries than may ever be submitted at once.
        Unavailable: the limits do not allow it now, or the database is unavailable.
    """
    return await accepter.accept(batch, count)


async def list_batches(
    store: BatchStore, view: View, limit: int, cursor: str | None
) -> tuple[Sequence[BatchState], str | None]:
    """Return a page of batches, newest first, and the cursor of the next.

    Raises:
        Invalid: the cursor is malformed.
    """
    return await store.page(view, limit, cursor)


async def get_batch(store: BatchStore, view: View, batch_id: UUID) -> BatchState:
    """Return a batch.

    Raises:
        NotFound: there is no such batch.
    """
    state = await store.get(view, batch_id)
    if state is None:
        raise NotFound("There is no batch with this id.")
    return state


async def list_entries(store: BatchStore, view: View, batch_id: UUID, limit: int, cursor: str | None) -> Entries:
    """Return a page of the entries of a batch, in order.

    Raises:
        NotFound: there is no such batch.
        Invalid: the cursor is malformed.
    """
    state = await get_batch(store, view, batch_id)
    if cursor is None:
        return await store.entries(state.row, 0, limit)
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= POSITION_DIGITS_MAX):
        raise Invalid("This is not a cursor that a list of requests gave out; begin again without one.", "cursor")
    return await store.entries(state.row, int(cursor), limit)


async def get_callback_logs(parts: Parts, view: View, batch_id: UUID) -> Sequence[tuple[Row[Any], SentRequest | None]]:
    """Return the attempts to deliver the callback of a batch, and the HTTP request that each sent.

    Raises:
        NotFound: there is no such batch.
    """
    store = parts.batches.store
    await get_batch(store, view, batch_id)
    sent = SentRequests(await store.callback(batch_id), parts.links)
    return [(log, sent.of(log)) for log in await store.logs(batch_id)]


async def cancel(parts: Parts, view: View, batch_id: UUID, *, notify: bool) -> BatchState:
    """Cancel the entries of a batch that have not ended; if all have, its callback if that is not delivered yet.

    When it returns no attempt to deliver what was cancelled begins any more. Cancelling again changes nothing.

    Args:
        parts: of the service.
        view: whose batches may be cancelled.
        batch_id: which.
        notify: receivers are told all the same: `batch.completed` with the status `cancelled`, and `report.cancelled`.

    Raises:
        NotFound: there is no such batch.
        AlreadyEnded: nothing is left to cancel.
    """
    store, engine = parts.batches.store, parts.engine
    if cancelled := await parts.batches.changes.cancel(batch_id, view, parts.now(), notify=notify):
        if cancelled.entries:
            engine.stop_work(cancelled.entries)
        else:
            await engine.cancelled(batch_id, Cancelled(callback_alone=True, epoch=cancelled.epoch))
        state = await get_batch(store, view, batch_id)
        if state.row.callback_status == CallbackStatus.PENDING:
            engine.redeliver(LaneKey(state.row.caller, state.row.receiver, state.row.callback_sequence))
        return state
    state = await get_batch(store, view, batch_id)
    if state.status is not BatchStatus.CANCELLED and state.row.callback_status != CallbackStatus.CANCELLED:
        raise AlreadyEnded("Every request of the batch has ended, and so has its callback, if it has one.")
    ended_at = state.row.callback_finished_at
    if ended_at is not None and parts.now() - ended_at < SEEN_OWED_FOR:  # the first to cancel it may still be waiting
        await asyncio.sleep(SEEN_OWED_FOR.total_seconds())
    return state


async def redeliver(parts: Parts, view: View, batch_id: UUID) -> None:
    """Deliver the callback of a batch again, with the same `webhook-id`.

    Raises:
        NotFound: there is no such batch.
        NoCallback: it has no callback.
        Conflict: its callback has not ended, or it was cancelled.
    """
    now = parts.now()
    lane = await parts.batches.changes.redeliver(batch_id, view, now, now - parts.attempt_ends_within)
    if lane is not None:
        parts.engine.redeliver(lane)
        return
    state = await get_batch(parts.batches.store, view, batch_id)
    if state.row.callback_status is None:
        raise NoCallback("The batch was submitted without a callback URL of its own.")
    if state.status is BatchStatus.CANCELLED:
        raise Conflict("The batch was cancelled; it has no callback to send again.")
    if state.row.completed_at is None:
        raise Conflict("The batch has not ended; its callback follows by itself.")
    raise Conflict("The callback of the batch is still being delivered, or was cancelled a moment ago.")


async def delete(parts: Parts, view: View, batch_id: UUID) -> None:
    """Delete a batch with its requests, their logs and files.

    Raises:
        NotFound: there is no such batch.
        Conflict: not every request has ended.
    """
    deleted = await parts.batches.changes.delete(batch_id, view)
    if not deleted.batches:
        await get_batch(parts.batches.store, view, batch_id)
        raise Conflict("Not every request of the batch has ended; cancel it, or wait.")
    await parts.removal.remove(deleted.entries)


class _Urls:
    """The callback URLs of a batch, each of which is checked once: most entries have the same."""

    def __init__(self, caller: Caller) -> None:
        self._policy = caller.callback_policy
        self._checked: dict[str, CallbackUrl | ForbiddenCallbackUrl] = {}

    def fault(self, url: str) -> str | None:
        """Return what forbids a URL, as a sentence; None if nothing does."""
        if url not in self._checked:
            try:
                self._checked[url] = self._policy.check(url)
            except ForbiddenCallbackUrl as error:
                self._checked[url] = error
        found = self._checked[url]
        return found.detail if isinstance(found, ForbiddenCallbackUrl) else None

    def target(self, url: str | None) -> CallbackUrl | None:
        """Return a URL that has no fault."""
        found = None if url is None else self._checked[url]
        assert not isinstance(found, ForbiddenCallbackUrl)  # noqa: S101  refused before
        return found


def _check(asked: AskedBatch, caller: Caller, urls: _Urls, transactions_max: int) -> None:
    for priority in {entry.priority for entry in asked.requests}:
        check_priority(caller, priority)
    if faults := list(_faults(asked, urls, transactions_max)):
        raise InvalidEntries(faults)


def _faults(asked: AskedBatch, urls: _Urls, transactions_max: int) -> Iterator[tuple[str, str]]:
    """Name everything that is not allowed, each with a JSON pointer (RFC 6901)."""
    if asked.callbacks is Callbacks.EACH and asked.callback_url is not None:
        yield "/callback_url", "It has no use: with `callbacks` `each` only the requests have callbacks."
    elif asked.callbacks is not Callbacks.EACH and asked.callback_url is None:
        yield "/callback_url", f"It is missing: `callbacks` is `{asked.callbacks}`."
    if asked.callback_url is not None and (fault := urls.fault(asked.callback_url)):
        yield "/callback_url", fault
    for index, entry in enumerate(asked.requests):
        if entry.payload.num_transactions > transactions_max:
            detail = f"A report has at most {transactions_max:,} transactions (ASYNC_MAX_TRANSACTIONS)."
            yield f"/requests/{index}/payload/num_transactions", detail
        if entry.callback_url is None:
            continue
        if asked.callbacks is Callbacks.BATCH:
            yield f"/requests/{index}/callback_url", "It has no use: with `callbacks` `batch` only the batch has one."
        if fault := urls.fault(entry.callback_url):
            yield f"/requests/{index}/callback_url", fault
