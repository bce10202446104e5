"""What is counted up is counted down, however a submission ends: stored, refused, failed, cancelled or too late."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from src.errors import CallerQueueFull, DatabaseAway
from src.models import Mode
from src.services.identity.caller import Caller
from src.services.outbound.callback_url import CallbackPolicy
from src.services.report_generator import ReportParameters
from src.services.requests.accept_batcher import AcceptBatcher
from src.services.requests.records import Accepted, Duplicate, IdempotencyKey, NewRequest, Waiting
from src.services.requests.store import RequestStore

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
PARAMETERS = ReportParameters.from_json(
    {
        "num_transactions": 1,
        "report_name": "name",
        "seed": 1,
        "period_start": "2026-01-01",
        "period_end": "2026-01-31",
        "currency": "USD",
    }
)

RECEIVER = "https://receiver.example:443"


class Store:
    """Stands in for the table: stores, fails, or takes its time."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self.keys: dict[str, NewRequest] = {}

    async def count_waiting(self, _at_most: int) -> Waiting:
        return Waiting(total=0, by_caller={}, of_any_other_max=0)

    async def receivers_of(self, callers: Collection[str], _at_most: int) -> dict[str, set[str]]:
        return {caller: set() for caller in callers}

    async def insert(self, requests: Sequence[NewRequest]) -> dict[UUID, Accepted]:
        await self.answers.wait()
        if self.error:
            raise self.error
        stored = {}
        for request in requests:
            if request.idempotency_key is None or request.idempotency_key.key not in self.keys:
                stored[request.id] = Accepted(request_id=request.id, queue_position=1)
            if request.idempotency_key:
                self.keys.setdefault(request.idempotency_key.key, request)
        return stored

    async def find_by_keys(self, keys: Sequence[IdempotencyKey], _now: datetime) -> dict[int, tuple[bytes, Duplicate]]:
        found = self.keys.get(keys[0].key)
        if found is None or found.idempotency_key is None:
            return {}
        duplicate: Any = object()
        return {0: (found.idempotency_key.fingerprint, duplicate)}


def batcher(store: Store, per_caller_max: int = 100) -> AcceptBatcher:
    return AcceptBatcher(
        cast("RequestStore", store),
        pending_max=1_000,
        pending_per_caller_max=per_caller_max,
        receivers_per_caller_max=1_000,
        on_accepted=lambda: None,
        now=lambda: NOW,
    )


CALLER = Caller.of_address("a", CallbackPolicy())


def request(key: str | None = None) -> NewRequest:
    idempotency_key = key and IdempotencyKey(caller="a", route="/", key=key, fingerprint=b"")
    return NewRequest(
        id=uuid4(),
        mode=Mode.ASYNC,
        caller=CALLER,
        receiver=RECEIVER,
        callback_url=f"{RECEIVER}/hook",
        parameters=PARAMETERS,
        created_at=NOW,
        idempotency_key=idempotency_key or None,
    )


def in_flight(batcher: AcceptBatcher) -> tuple[int, int, int]:
    """Those admitted and not settled, by what waits and by receiver, and those that wait for a writer."""
    receivers = sum(sum(caller.in_flight.values()) for caller in batcher.receivers._callers.values())
    return batcher.backlog._in_flight.total, receivers, len(batcher._commits._waiting)


def uncounted(batcher: AcceptBatcher) -> int:
    return batcher.backlog._uncounted.by_caller.get("a", 0)


async def test_stored_refused_and_repeated_submissions_leave_what_is_stored_and_nothing_more() -> None:
    store = Store()
    accepts = batcher(store, per_caller_max=2)
    await accepts.accept(request("k"))
    await accepts.accept(request("k"))
    await accepts.accept(request())
    with pytest.raises(CallerQueueFull):
        await accepts.accept(request())

    assert in_flight(accepts) == (0, 0, 0)
    assert uncounted(accepts) == 2


@pytest.mark.parametrize("error", [DatabaseAway("away"), ValueError(), asyncio.CancelledError()])
async def test_a_write_that_fails_leaves_nothing_in_flight(error: BaseException) -> None:
    store = Store()
    store.error = error
    accepts = batcher(store)
    outcomes = await asyncio.gather(*(accepts.accept(request()) for _ in range(5)), return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} == {type(error)}
    assert in_flight(accepts) == (0, 0, 0)
    store.error = None
    assert isinstance(await accepts.accept(request()), Accepted)


async def test_callers_that_leave_or_give_up_leave_nothing_in_flight() -> None:
    store = Store()
    store.answers.clear()
    accepts = batcher(store)
    leaving = [asyncio.create_task(accepts.accept(request())) for _ in range(5)]
    giving_up = asyncio.create_task(asyncio.wait_for(accepts.accept(request()), 0.01))
    await asyncio.sleep(0.02)
    for task in leaving:
        task.cancel()
    store.answers.set()
    await accepts.drain()
    await asyncio.gather(*leaving, giving_up, return_exceptions=True)

    assert in_flight(accepts) == (0, 0, 0)
