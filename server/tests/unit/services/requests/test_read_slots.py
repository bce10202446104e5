"""Nobody's reads keep everybody else waiting, and every slot comes back however its read ends."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import Unavailable
from src.services.requests.read_slots import READS_MAX, READS_OF_ONE_CALLER_MAX, ReadSlots, reading_caller


@pytest.fixture(autouse=True)
def nobody_asks() -> Iterator[None]:
    """Leave the context as it was."""
    token = reading_caller.set("")
    yield
    reading_caller.reset(token)


class Reads:
    """Reads that end when they are told to."""

    def __init__(self, slots: ReadSlots) -> None:
        self.slots = slots
        self.under_way: Counter[str] = Counter()
        self.go_on = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def _read(self, caller: str, error: Exception | None) -> None:
        async with self.slots.slot(caller):
            self.under_way[caller] += 1
            try:
                await self.go_on.wait()
                if error:
                    raise error
            finally:
                self.under_way[caller] -= 1

    def begin(self, caller: str, count: int = 1, error: Exception | None = None) -> None:
        self.tasks += [asyncio.create_task(self._read(caller, error)) for _ in range(count)]

    async def end(self) -> list[BaseException | None]:
        self.go_on.set()
        return await asyncio.gather(*self.tasks, return_exceptions=True)


async def steps(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def as_at_first(slots: ReadSlots, slots_max: int = READS_MAX) -> bool:
    shared = slots._slots
    return (shared._free, shared._held, shared._waiting, shared.waiting) == (slots_max, {}, {}, 0)


async def test_one_caller_holds_a_part_and_others_read_at_once() -> None:
    reads = Reads(ReadSlots())
    reads.begin("greedy", 200)
    await steps()
    reads.begin("other", 2)
    await steps()

    assert reads.under_way == {"greedy": READS_OF_ONE_CALLER_MAX, "other": 2}
    await reads.end()


async def test_where_all_slots_are_taken_callers_take_turns() -> None:
    reads = Reads(ReadSlots(slots_max=2, per_caller_max=2))
    reads.begin("greedy", 50)
    await steps()
    order: list[str] = []

    async def read(caller: str) -> None:
        async with reads.slots.slot(caller):
            order.append(caller)

    others = [asyncio.create_task(read(caller)) for caller in ("a", "a", "b", "c")]
    await steps()
    await reads.end()
    await asyncio.gather(*others)

    assert order[:3] == ["a", "b", "c"]


async def test_who_waits_too_long_or_behind_too_many_is_refused_with_a_time_to_try_again() -> None:
    reads = Reads(ReadSlots(slots_max=1, per_caller_max=1, waiters_per_caller_max=1, waiters_max=2, wait_max_s=0.02))
    reads.begin("a")
    await steps()
    reads.begin("a", 2)
    reads.begin("b", 2)
    async with asyncio.timeout(1):
        refused = await asyncio.gather(*reads.tasks[1:], return_exceptions=True)

    assert [type(one) for one in refused] == [Unavailable] * 4
    assert all(isinstance(one, Unavailable) and one.retry_after_s > 0 for one in refused)
    await reads.end()
    assert as_at_first(reads.slots, slots_max=1)


async def test_the_service_itself_needs_no_slot() -> None:
    slots = ReadSlots(slots_max=0)
    async with slots.slot():
        pass


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["read", "fail", "cancel", "late", "late and cancelled"]), min_size=1, max_size=40))
def test_every_slot_and_place_comes_back_however_a_read_ends(ends: list[str]) -> None:
    async def run() -> None:
        slots = ReadSlots(wait_max_s=0.005)
        reads = Reads(slots)
        for number, end in enumerate(ends):
            reads.begin("abc"[number % 3], error=ValueError() if end == "fail" else None)
            await asyncio.sleep(0)
        if "late" in ends:
            await asyncio.sleep(0.01)
        for task, end in zip(reads.tasks, ends, strict=True):
            if "cancel" in end:
                task.cancel()
                if end == "cancel":
                    await asyncio.sleep(0)
        await reads.end()
        with suppress(Unavailable):
            async with asyncio.timeout(1), slots.slot("d"):
                pass
        assert as_at_first(slots)

    asyncio.run(run())


async def test_a_place_that_was_left_is_passed_over_to_the_next_of_the_same_caller() -> None:
    reads = Reads(ReadSlots(slots_max=1, per_caller_max=1))
    reads.begin("a", 3)
    await steps()
    reads.tasks[1].cancel()  # and in the same step the slot is given back
    reads.go_on.set()
    async with asyncio.timeout(1):
        await asyncio.gather(*reads.tasks, return_exceptions=True)

    assert [task.cancelled() for task in reads.tasks] == [False, True, False]
