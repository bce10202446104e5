"""Who waits for a request is woken once it has ended, by one query for all, and leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from src.errors import DatabaseAway
from src.models import Mode, Status
from src.services.live.completions import READ_AT_ONCE, Completions
from src.services.requests.observers import Ended
from tests.support.waiting import eventually

ONE, OTHER = UUID(int=1), UUID(int=2)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Table:
    """Requests as they stand; each reading is counted, and fails while the table is `away`."""

    def __init__(self) -> None:
        self.status: dict[UUID, Status] = {}
        self.readings: list[list[UUID]] = []
        self.away = False

    async def read(self, request_ids: Sequence[UUID]) -> Sequence[Any]:
        self.readings.append(list(request_ids))
        if self.away:
            raise DatabaseAway("x")
        return [SimpleNamespace(id=one, status=self.status[one]) for one in request_ids if one in self.status]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def completions(table: Table) -> AsyncIterator[Completions]:
    completions = Completions(table.read, waiters_max=3, of_one_caller_max=2)

    async def again_and_again() -> None:
        while True:
            try:
                await completions.run()
            except DatabaseAway:
                await asyncio.sleep(0.001)

    running = asyncio.create_task(again_and_again())
    yield completions
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def waiting(completions: Completions, *request_ids: UUID, within_s: float = 10) -> list[asyncio.Task[Any]]:
    """Let somebody wait for each, and what that made to be read be over."""
    tasks = [asyncio.create_task(completions.ended(request_id, within_s)) for request_id in request_ids]
    await asyncio.sleep(0.005)
    return tasks


def ended(*request_ids: UUID) -> list[Ended]:
    return [
        Ended(request_id=one, mode=Mode.ASYNC, status=Status.COMPLETED, waiting_s=0, generating_s=0, created_at=NOON)
        for one in request_ids
    ]


async def test_what_has_ended_before_anybody_waited_wakes_at_once(completions: Completions, table: Table) -> None:
    table.status[ONE] = Status.FAILED

    row = await completions.ended(ONE, 10)

    assert row is not None
    assert row.status is Status.FAILED
    assert completions.waited_for == 0


async def test_all_who_wait_are_woken_by_one_reading(completions: Completions, table: Table) -> None:
    many = [UUID(int=number) for number in range(READ_AT_ONCE)]
    table.status = dict.fromkeys(many, Status.PROCESSING)
    tasks = await waiting(completions, *many, ONE)
    table.readings.clear()
    table.status = dict.fromkeys(many, Status.COMPLETED)
    completions.observers().ended(ended(*many))
    rows = await asyncio.gather(*tasks)

    assert [row.id for row in rows] == [*many, ONE]
    assert table.readings == [many]


async def test_news_of_what_nobody_waits_for_is_not_read(completions: Completions, table: Table) -> None:
    table.status[ONE] = Status.PENDING
    [task] = await waiting(completions, ONE)
    table.readings.clear()
    completions.observers().ended(ended(OTHER))
    completions.tell([OTHER])
    await asyncio.sleep(0.005)
    task.cancel()

    assert table.readings == []


async def test_a_change_that_is_no_end_wakes_nobody(completions: Completions, table: Table) -> None:
    table.status[ONE] = Status.PENDING
    [task] = await waiting(completions, ONE)
    table.status[ONE] = Status.PROCESSING
    completions.tell([ONE])
    await asyncio.sleep(0.005)
    still_waits = not task.done()
    table.status[ONE] = Status.COMPLETED
    completions.tell([ONE])

    assert (await task).status is Status.COMPLETED
    assert still_waits


async def test_after_a_gap_everything_that_is_waited_for_is_read_once(completions: Completions, table: Table) -> None:
    table.status = {ONE: Status.PENDING, OTHER: Status.PENDING}
    one, other = await waiting(completions, ONE, OTHER)
    table.readings.clear()
    table.status[OTHER] = Status.COMPLETED
    completions.tell_of_a_gap()
    row = await other
    one.cancel()

    assert row.id == OTHER
    assert table.readings == [[ONE, OTHER]]


async def test_who_waits_for_a_request_that_is_deleted_is_woken(completions: Completions, table: Table) -> None:
    table.status[ONE] = Status.PENDING
    [task] = await waiting(completions, ONE)
    del table.status[ONE]
    completions.observers().deleted({ONE: None})

    assert await task is None


async def test_what_could_not_be_read_is_read_when_the_database_is_back(completions: Completions, table: Table) -> None:
    table.away = True
    [task] = await waiting(completions, ONE)
    await eventually(lambda: len(table.readings) > 1)
    table.status[ONE] = Status.COMPLETED
    table.away = False

    assert (await task).id == ONE


async def test_whatever_ends_the_waiting_nothing_is_left(completions: Completions, table: Table) -> None:
    table.status = {ONE: Status.PENDING, OTHER: Status.PENDING}
    late = await completions.ended(ONE, 0.001)
    [cancelled, kept] = await waiting(completions, ONE, OTHER)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    left = completions.waited_for
    completions.close()

    assert (late, await kept, await completions.ended(ONE, 10)) == (None, None, None)
    assert (left, completions.waited_for) == (1, 0)


async def test_places_are_limited_by_caller_and_in_all_and_given_back(completions: Completions) -> None:
    with ExitStack() as stack:
        had = [stack.enter_context(completions.place(caller)) for caller in ("a", "a", "a", "b", "b")]
        taken = completions.places_taken

    assert had == [True, True, False, True, False]
    assert (taken, completions.places_taken) == (3, 0)
    for error in (ConnectionResetError, asyncio.CancelledError):
        with pytest.raises(error), completions.place("a"):
            raise error
    assert completions.places_taken == 0
