"""Many items, one write at a time, nobody forgotten."""

import asyncio
from collections.abc import Sequence

import pytest

from src.services.kit.group_commit import GroupCommit


class Log:
    """Remembers what was written together."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        return [item * 10 for item in items]


async def test_each_item_gets_its_own_outcome() -> None:
    commits = GroupCommit(Log().write, items_max=10)

    assert await asyncio.gather(*(commits.submit(item) for item in range(5))) == [0, 10, 20, 30, 40]


async def test_what_arrives_during_a_write_goes_together_in_the_next_in_order() -> None:
    log = Log()
    log.gate.clear()
    commits = GroupCommit(log.write, items_max=10)
    tasks = [asyncio.create_task(commits.submit(0))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(commits.submit(item)) for item in range(1, 5)]
    await asyncio.sleep(0)
    log.gate.set()
    await asyncio.gather(*tasks)

    assert log.batches == [[0], [1, 2, 3, 4]]


async def test_a_write_is_never_larger_than_allowed() -> None:
    log = Log()
    commits = GroupCommit(log.write, items_max=3)
    await asyncio.gather(*(commits.submit(item) for item in range(10)))

    assert [len(batch) for batch in log.batches] == [3, 3, 3, 1]


async def test_one_after_the_other_is_written_at_once() -> None:
    log = Log()
    commits = GroupCommit(log.write, items_max=3)
    for item in range(50):
        async with asyncio.timeout(1):
            await commits.submit(item)

    assert log.batches == [[item] for item in range(50)]


async def test_a_failed_write_fails_for_all_its_items_and_for_no_other() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise OSError("disk")
        return list(items)

    commits = GroupCommit(write, items_max=2)
    outcomes = await asyncio.gather(*(commits.submit(item) for item in range(4)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [OSError, OSError, int, int]


async def test_a_caller_who_leaves_does_not_disturb_the_others() -> None:
    log = Log()
    log.gate.clear()
    commits = GroupCommit(log.write, items_max=10)
    leaving, staying = asyncio.create_task(commits.submit(1)), asyncio.create_task(commits.submit(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()
    log.gate.set()

    assert await staying == 20
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_draining_waits_for_everything_that_was_submitted() -> None:
    log = Log()
    commits = GroupCommit(log.write, items_max=1)
    tasks = [asyncio.create_task(commits.submit(item)) for item in range(3)]
    await asyncio.sleep(0)
    await commits.drain()

    assert log.batches == [[0], [1], [2]]
    assert await asyncio.gather(*tasks) == [0, 10, 20]


async def test_a_write_that_answers_for_too_few_fails_and_those_after_it_are_written() -> None:
    async def write(items: Sequence[int]) -> list[int]:
        return list(items)[:-1] if 0 in items else list(items)

    commits = GroupCommit(write, items_max=2)
    outcomes = await asyncio.gather(*(commits.submit(item) for item in range(4)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [int, ValueError, int, int]


async def test_nobody_waits_for_a_writer_that_was_cut_off_and_the_next_item_gets_another() -> None:
    log = Log()
    log.gate.clear()
    commits = GroupCommit(log.write, items_max=1)
    waiting = [asyncio.create_task(commits.submit(item)) for item in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writer = commits._writer
    assert writer is not None
    writer.cancel()
    async with asyncio.timeout(1):
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    log.gate.set()

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 3
    assert await commits.submit(5) == 50
    await commits.drain()
    assert (commits._waiting, commits._writer) == ([], None)
