"""Use cases around bulk redeliveries: see what matches, start, watch, stop."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from src.errors import Conflict, CountMoved, IdempotencyKeyReused, Invalid, NotFound
from src.models import RedeliveryStatus
from src.random_ids import new_uuid
from src.services.identity.caller import Caller, View
from src.services.requests.records import IdempotencyKey
from src.services.requests.redeliveries import (
    CALLBACKS_MAX,
    Matching,
    RedeliveryFilter,
    RedeliveryState,
    RedeliveryStore,
)
from src.services.upkeep.redelivering import Redelivering

REDELIVERIES_ROUTE = "/api/redeliveries"
#: How far the number of callbacks may differ from the expected one.
COUNT_MAY_DIFFER_BY = 0.1


async def look(store: RedeliveryStore, caller: Caller, wanted: RedeliveryFilter) -> Matching:
    """See what a filter matches.

    Raises:
        Invalid: it matches too many.
    """
    matching = await store.matching(caller.owner.account, wanted)
    if matching.count > CALLBACKS_MAX:
        raise Invalid(f"More than {CALLBACKS_MAX:,} callbacks match; narrow the filter, such as by since and until.")
    return matching


async def begin(
    store: RedeliveryStore,
    redelivering: Redelivering,
    caller: Caller,
    wanted: RedeliveryFilter,
    expected_count: int,
    key: IdempotencyKey | None,
    now: datetime,
) -> tuple[RedeliveryState, bool]:
    """Start a redelivery; returns it, and whether the key had started it before.

    Raises:
        Invalid: the filter matches too many; or the key came before with another body.
        CountMoved: it does not match about as many as expected.
        Conflict: the account has one under way.
    """
    if (before := await _with_key(store, caller, key)) is not None:
        return before, True
    count = (await look(store, caller, wanted)).count
    if abs(count - expected_count) > COUNT_MAY_DIFFER_BY * expected_count:
        raise CountMoved(f"{count:,} callbacks match by now, not about {expected_count:,}; look again.")
    redelivery_id = new_uuid()
    account = caller.owner.account
    begun = await store.begin(
        redelivery_id, account=account, caller=caller.name, key=key, wanted=wanted, count=count, now=now
    )
    if not begun:
        if (before := await _with_key(store, caller, key)) is not None:
            return before, True
        raise Conflict("A redelivery is under way already; wait until everything is queued, or cancel it.")
    redelivering.wake()
    return await get(store, caller, redelivery_id), False


async def get(store: RedeliveryStore, caller: Caller, redelivery_id: UUID) -> RedeliveryState:
    """Read how a redelivery goes.

    Raises:
        NotFound: there is none.
    """
    state = await store.get(caller.view, redelivery_id)
    if state is None:
        raise NotFound("There is no redelivery with this id.")
    return state


async def list_all(
    store: RedeliveryStore, view: View, limit: int, cursor: str | None
) -> tuple[Sequence[RedeliveryState], str | None]:
    """Read a page of redeliveries, newest first.

    Raises:
        Invalid: the cursor is not one of ours.
    """
    return await store.page(view, limit, cursor)


async def cancel(store: RedeliveryStore, caller: Caller, redelivery_id: UUID, now: datetime) -> RedeliveryState:
    """Leave out what is not queued yet; again: the same.

    Raises:
        NotFound: there is none.
        Conflict: everything was queued before.
    """
    await store.cancel(caller.view, redelivery_id, now)
    state = await get(store, caller, redelivery_id)
    if state.row.status == RedeliveryStatus.COMPLETED:
        raise Conflict("Everything is queued already; cancel single requests, or let it end.")
    return state


async def _with_key(store: RedeliveryStore, caller: Caller, key: IdempotencyKey | None) -> RedeliveryState | None:
    found = await store.with_key(key) if key else None
    if key is None or found is None:
        return None
    redelivery_id, fingerprint = found
    if fingerprint != key.fingerprint:
        raise IdempotencyKeyReused("This idempotency key was used with another body; take a new key.")
    return await get(store, caller, redelivery_id)
