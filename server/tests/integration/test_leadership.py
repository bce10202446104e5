"""One process of all that share a database works, and what an earlier leader still tries is refused."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from src.database import connect, create_pool
from src.errors import LeadershipLost
from src.models import Mode, Status
from src.services.engine.leadership import Leadership
from src.services.identity.caller import Caller
from src.services.outbound.callback_url import CallbackPolicy
from src.services.report_generator import ReportParameters
from src.services.requests.changes import ChangeNotifier, announce
from src.services.requests.records import Attempt, Finished, NewRequest, Pause
from src.services.requests.store import RequestStore
from tests.support.database_state import fetch, take_the_lock_away
from tests.support.receivers import Receiver
from tests.support.service import Service
from tests.support.waiting import eventually

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
PAUSE = Pause(
    caller="c",
    receiver="http://receiver.test:80",
    paused_at=NOW,
    reason="x",
    probes=0,
    next_probe_at=NOW,
)
ELECT = "UPDATE leader SET epoch = epoch + 1"


def new_request(mode: Mode = Mode.ASYNC) -> NewRequest:
    parameters = ReportParameters(
        num_transactions=1,
        report_name="r",
        seed=1,
        period_start=NOW.date(),
        period_end=NOW.date() + timedelta(days=1),
        currency="USD",
    )
    is_async = mode is Mode.ASYNC
    return NewRequest(
        id=uuid4(),
        mode=mode,
        caller=Caller.of_address("c", CallbackPolicy()),
        parameters=parameters,
        created_at=NOW,
        callback_url="http://receiver.test/" if is_async else None,
        receiver="http://receiver.test:80" if is_async else None,
    )


def completed(request_id: UUID) -> Finished:
    return Finished(request_id=request_id, completed_at=NOW, result="{}")


def acknowledged(request_id: UUID) -> Attempt:
    return Attempt(
        request_id=request_id, attempt_number=1, attempted_at=NOW, ended_at=NOW, status_code=200, success=True
    )


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[Callable[[int | None], RequestStore]]:
    """Give stores of any term, on one pool."""
    pool = await create_pool(database_url, connections_max=4)
    observers = ChangeNotifier(partial(announce, pool)).observers()
    yield lambda epoch: RequestStore(pool, observers, epoch)
    pool.terminate()


Stores = Callable[[int | None], RequestStore]


async def state(url: str, request_id: UUID) -> tuple[str, str | None, int, int]:
    query = "SELECT status, callback_status, generation_attempts, callback_attempts FROM requests WHERE id = $1"
    [row] = await fetch(url, query, request_id)
    return tuple(row)


async def test_only_one_leads_and_the_next_one_takes_over_in_a_later_term(database_url: str) -> None:
    first, second = (Leadership(partial(connect, database_url)) for _ in range(2))
    epoch = await first.win()
    waiting = asyncio.create_task(second.win())
    await asyncio.sleep(1.5)
    still_waiting = not waiting.done()
    first.resign()
    next_epoch = await asyncio.wait_for(waiting, 5)
    second.resign()

    assert still_waiting
    assert next_epoch == epoch + 1


async def test_a_leader_whose_connection_ends_is_told_so(database_url: str) -> None:
    leadership = Leadership(partial(connect, database_url))
    await leadership.win()
    keeping = asyncio.create_task(leadership.keep())
    await take_the_lock_away(database_url)

    await asyncio.wait([keeping], timeout=5)
    leadership.resign()

    assert keeping.done()
    assert keeping.exception() is None


@pytest.mark.parametrize(
    ("stands_at", "change"),
    [
        (Status.PENDING, lambda store, request_id: store.start([request_id], NOW)),
        (Status.PROCESSING, lambda store, request_id: store.start([request_id], NOW)),
        (Status.PROCESSING, lambda store, request_id: store.finish([completed(request_id)])),
        (Status.PROCESSING, lambda store, request_id: store.release([request_id])),
        (Status.PROCESSING, lambda store, _: store.recover(NOW)),
        (Status.COMPLETED, lambda store, request_id: store.record_attempts([acknowledged(request_id)])),
        (Status.COMPLETED, lambda store, _: store.pause(PAUSE)),
    ],
    ids=["start", "start again", "finish", "release", "recover", "record an attempt", "pause"],
)
async def test_whatever_an_earlier_leader_changes_is_refused(
    stands_at: Status, change: Callable[[RequestStore, UUID], Awaitable[None]], stores: Stores, database_url: str
) -> None:
    await fetch(database_url, ELECT)
    request = new_request()
    await stores(None).insert([request])
    if stands_at is not Status.PENDING:
        await stores(1).start([request.id], NOW)
    if stands_at is Status.COMPLETED:
        await stores(1).finish([completed(request.id)])
    await fetch(database_url, ELECT)
    before = await state(database_url, request.id)

    with pytest.raises(LeadershipLost):
        await change(stores(1), request.id)

    assert before[0] == stands_at
    assert await state(database_url, request.id) == before
    assert await fetch(database_url, "SELECT FROM callback_logs") == []
    assert await fetch(database_url, "SELECT FROM paused_receivers") == []


async def test_the_next_leader_goes_on_where_the_earlier_one_stood(stores: Stores, database_url: str) -> None:
    await fetch(database_url, ELECT)
    request = new_request()
    await stores(None).insert([request])
    await stores(1).start([request.id], NOW)
    await fetch(database_url, ELECT)
    new = stores(2)
    await new.recover(NOW)
    recovered = await state(database_url, request.id)
    await new.start([request.id], NOW)
    await new.finish([completed(request.id)])
    await stores(1).finish([Finished(request_id=request.id, completed_at=NOW, result=None, failure_reason="late")])
    await new.record_attempts([acknowledged(request.id)])

    assert recovered == ("PENDING", "PENDING", 1, 0)
    assert await state(database_url, request.id) == ("COMPLETED", "SUCCESS", 2, 1)


async def test_what_is_not_the_workers_goes_on_in_every_process(stores: Stores, database_url: str) -> None:
    await fetch(database_url, ELECT)
    await fetch(database_url, ELECT)
    request = new_request(Mode.SYNC)
    await stores(None).insert([request])
    await stores(None).finish([completed(request.id)])

    assert await state(database_url, request.id) == ("COMPLETED", None, 0, 0)


async def test_an_election_and_a_change_under_way_wait_for_each_other(stores: Stores, database_url: str) -> None:
    """No change of the earlier term can commit after the election has."""
    await fetch(database_url, ELECT)
    changing = await connect(database_url)
    transaction = changing.transaction()
    await transaction.start()
    await changing.execute("SELECT require_epoch(1)")
    request = new_request()
    await stores(None).insert([request])
    election = asyncio.create_task(fetch(database_url, ELECT))
    await asyncio.sleep(0.3)
    waited = not election.done()
    await transaction.commit()
    await asyncio.wait_for(election, 5)
    await changing.close()

    assert waited
    with pytest.raises(LeadershipLost):
        await stores(1).start([request.id], NOW)


async def test_a_service_that_loses_the_lock_wins_it_again_and_works_on(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], receiver: Receiver, database_url: str
) -> None:
    async with run_service(callback_allowed_origins=(receiver.origin,)) as service:
        await service.submit(receiver.url)
        await receiver.got(1)
        await take_the_lock_away(database_url)

        async def leads_again() -> bool:
            [[epoch]] = await fetch(database_url, "SELECT epoch FROM leader")
            return bool(epoch == 2)

        await service.submit(receiver.url)
        await eventually(leads_again, within_s=10)
        await service.submit(receiver.url)
        await receiver.got(3)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await receiver.got(4)

    assert receiver.positions == [1, 2, 3]
