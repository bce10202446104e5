"""Never more wait than may wait, in all and of one caller; and room is found again when work is done."""

import asyncio
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from src.services.requests.backlog import CALLERS_MAX, COUNTED_EVERY_MAX_S, Backlog, Verdict
from src.services.requests.records import Waiting

IN_ALL = 12
OF_ONE = 5
CALLERS = ["a", "b", "c", "d"]


class Table:
    """What waits, by caller; a stand-in for the database that answers late."""

    def __init__(self) -> None:
        self.waiting: Counter[str] = Counter()
        self.counts = 0
        self.now_s = 0.0
        self.count_takes_s = 0.0
        self.backlog = Backlog(self.count, pending_max=IN_ALL, pending_per_caller_max=OF_ONE, now_s=lambda: self.now_s)

    async def count(self, at_most: int) -> Waiting:
        self.counts += 1
        self.now_s += self.count_takes_s
        await asyncio.sleep(0)
        seen = +self.waiting
        await asyncio.sleep(0)
        return Waiting(total=min(at_most, seen.total()), by_caller=dict(seen), of_any_other_max=0)

    async def accept(self, caller: str, *, stored: bool = True) -> Verdict:
        """Do what an accept does: admit, write after a while, settle."""
        verdict = await self.backlog.admit(caller)
        if verdict is Verdict.ADMITTED:
            for _ in range(3):
                await asyncio.sleep(0)
            self.waiting[caller] += stored
            self.backlog.settle(caller, stored=stored)
        return verdict

    async def accept_many(self, *callers: str) -> Counter[Verdict]:
        return Counter(await asyncio.gather(*map(self.accept, callers)))

    def work_off(self, caller: str, count: int) -> None:
        self.waiting[caller] -= count


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_no_order_of_arrivals_counts_and_work_lets_more_wait_than_may(seed: int, steps: int) -> None:
    dice = random.Random(seed)

    async def run() -> None:
        table = Table()
        under_way: list[asyncio.Task[Verdict]] = []
        for _ in range(steps):
            match dice.randrange(4):
                case 0 | 1:
                    accept = table.accept(dice.choice(CALLERS), stored=dice.random() < 0.8)
                    under_way.append(asyncio.create_task(accept))
                case 2:
                    busiest = dice.choice(CALLERS)
                    table.work_off(busiest, min(1, table.waiting[busiest]))
                case 3:
                    table.now_s += dice.choice([0, 0.05, 0.2, COUNTED_EVERY_MAX_S + 1])
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(0)
            assert table.waiting.total() <= IN_ALL
            assert max(table.waiting.values(), default=0) <= OF_ONE
        await asyncio.gather(*under_way)
        assert table.waiting.total() <= IN_ALL
        assert max(table.waiting.values(), default=0) <= OF_ONE

    asyncio.run(run())


async def test_one_caller_cannot_take_the_room_of_others() -> None:
    table = Table()

    assert await table.accept_many(*["a"] * 100) == {Verdict.ADMITTED: OF_ONE, Verdict.CALLER_FULL: 100 - OF_ONE}
    assert await table.accept_many("b", "c") == {Verdict.ADMITTED: 2}


async def test_the_limit_in_all_is_kept_and_told_apart() -> None:
    table = Table()
    await table.accept_many(*["a"] * OF_ONE, *["b"] * OF_ONE, *["c"] * OF_ONE)

    assert table.waiting.total() == IN_ALL
    assert await table.accept("d") is Verdict.QUEUE_FULL


async def test_room_is_found_again_as_soon_as_work_is_done() -> None:
    table = Table()
    await table.accept_many(*["a"] * OF_ONE)
    table.work_off("a", 2)
    table.now_s += 0.2

    assert await table.accept_many("a", "a", "a") == {Verdict.ADMITTED: 2, Verdict.CALLER_FULL: 1}


async def test_what_turned_out_to_be_a_duplicate_takes_no_room() -> None:
    table = Table()
    for _ in range(3 * OF_ONE):
        assert await table.accept("a", stored=False) is Verdict.ADMITTED

    assert await table.accept("a") is Verdict.ADMITTED
    assert table.counts == 1


async def test_what_waited_before_this_process_began_counts() -> None:
    table = Table()
    table.waiting.update(a=OF_ONE)

    assert await table.accept("a") is Verdict.CALLER_FULL
    assert await table.accept("b") is Verdict.ADMITTED


async def test_accepts_are_not_counted_one_by_one() -> None:
    table = Table()
    await table.accept_many("a", "b", "c", "d")
    for _ in range(3):
        await table.accept_many("a", "b")

    assert table.counts == 1


async def test_where_a_limit_is_reached_counting_takes_a_tenth_of_the_time_at_most() -> None:
    table = Table()
    table.count_takes_s = 0.5
    await table.accept_many(*["a"] * OF_ONE)
    begun_s, table.counts = table.now_s, 0
    while table.now_s < begun_s + 60:
        await table.accept("a")
        table.now_s += 0.01

    assert 1 <= table.counts * table.count_takes_s <= 60 * 0.1


async def test_memory_is_bounded_however_many_callers_come() -> None:
    table = Table()
    backlog = Backlog(nothing_waits, pending_max=10**6, pending_per_caller_max=OF_ONE, now_s=lambda: table.now_s)
    remembered_max = 0
    for number in range(3 * CALLERS_MAX):
        assert await backlog.admit(str(number)) is Verdict.ADMITTED
        backlog.settle(str(number), stored=True)
        remembered_max = max(remembered_max, len(backlog._uncounted.by_caller))
        table.now_s += COUNTED_EVERY_MAX_S / (4 * CALLERS_MAX)

    assert remembered_max == CALLERS_MAX + 1
    assert len(backlog._in_flight.by_caller) == 0


async def nothing_waits(_at_most: int) -> Waiting:
    return Waiting(total=0, by_caller={}, of_any_other_max=0)


async def test_a_limit_of_ones_own_goes_before_everybodys() -> None:
    table = Table()

    verdicts = [await table.backlog.admit("a", own_max=OF_ONE + 2) for _ in range(OF_ONE + 3)]
    assert verdicts == [Verdict.ADMITTED] * (OF_ONE + 2) + [Verdict.CALLER_FULL]
    assert await table.backlog.admit("b", 2, own_max=1) is Verdict.CALLER_FULL
