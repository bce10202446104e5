"""The feed puts what waits on the queue, in order and once, and only while this process works."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from src.models import Priority, Status
from src.services.engine.queue_feed import SWEEP_EVERY_S
from src.services.requests.records import Job
from tests.support.jobs import job
from tests.support.work import Work


@asynccontextmanager
async def feeding(work: Work) -> AsyncIterator[None]:
    """Let the feed run."""
    running = asyncio.create_task(work.feed.run())
    await work.time.settle()
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def nothing_waits(work: Work) -> bool:
    """Tell whether the queue is empty."""
    return not any(map(work.queue.has, Priority))


def taken(work: Work) -> list[int]:
    """Take everything, in order."""

    def always(_turn: object, _job: Job) -> bool:
        return True

    return [one.queue_position for one in work.queue.take_turn(always)]


async def test_what_waits_comes_in_order_once_and_only_in_a_term(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.accept(job(2), job(1), job(3))
    async with feeding(work):
        assert nothing_waits(work)
        work.feed.begin()
        await work.time.settle()
        assert taken(work) == [1, 2, 3]
        work.table.accept(job(4))
        work.feed.wake()
        await work.time.settle()
        assert taken(work) == [4]
        work.table.accept(job(5))
        work.feed.rest()
        work.feed.wake()
        await work.time.settle()

    assert nothing_waits(work)


async def test_a_full_queue_is_filled_again_when_it_is_half_empty(tmp_path: Path) -> None:
    work = Work(tmp_path, jobs_max=4)
    work.table.accept(*(job(position) for position in range(1, 11)))
    seen: list[int] = []
    async with feeding(work):
        work.feed.begin()
        for _ in range(4):
            await work.time.settle()
            seen += taken(work)

    assert seen == list(range(1, 11))


async def test_a_request_that_returned_is_found_once_nothing_else_waits(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.accept(job(1), job(2))
    async with feeding(work):
        work.feed.begin()
        await work.time.settle()
        assert taken(work) == [1, 2]
        work.table.status = {one: Status.PENDING if one.int == 1 else Status.COMPLETED for one in work.table.status}
        await work.time.pass_by(2 * SWEEP_EVERY_S)

        assert taken(work) == [1]


async def test_a_term_that_begins_while_the_table_is_read_begins_from_the_front(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.table.accept(job(1), job(2))
    async with feeding(work):
        work.feed.begin()
        await work.time.settle()
        assert taken(work) == [1, 2]
        work.table.accept(job(3))
        # Between the question and its answer the term ends, and the next one finds 1 and 2 waiting again.
        work.table.on_read = work.feed._begin
        work.feed.wake()
        await work.time.settle()

        assert taken(work) == [1, 2, 3]
