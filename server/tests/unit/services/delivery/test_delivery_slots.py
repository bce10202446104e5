"""Whoever answers promptly finds a slot, however many hang; and no caller takes what others need."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.services.delivery.concurrency import (
    IN_FLIGHT_MAX,
    OF_ONE_CALLER_MAX,
    TO_ONE_ADDRESS_MAX,
    TO_ONE_ADDRESS_OF_ONE_CALLER_MAX,
    UNPROVEN_MAX,
    UNPROVEN_OF_ONE_CALLER_MAX,
    UNPROVEN_TO_ONE_ADDRESS_MAX,
    UNPROVEN_TO_ONE_ADDRESS_OF_ONE_CALLER_MAX,
    DeliverySlots,
    fair_slots,
)


class Attempts:
    """Attempts that hang until they are let go."""

    def __init__(self) -> None:
        self.slots = DeliverySlots()
        self.under_way = 0
        self.gate = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, address: str, *, proven: bool, caller: str = "") -> None:
        self.tasks.append(asyncio.create_task(self._attempt(caller or address, address, proven=proven)))

    async def _attempt(self, caller: str, address: str, *, proven: bool) -> None:
        async with self.slots.slot(caller, address, address, proven=proven):
            self.under_way += 1
            try:
                await self.gate.wait()
            finally:
                self.under_way -= 1

    async def settle(self) -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        return self.under_way

    async def finish(self) -> None:
        self.gate.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_a_thousand_that_hang_leave_slots_for_those_that_answer() -> None:
    attempts = Attempts()
    for number in range(1_000):
        attempts.begin(f"address {number}", proven=False)
    assert await attempts.settle() == UNPROVEN_MAX

    for number in range(100):
        attempts.begin(f"good address {number}", proven=True)
    assert await attempts.settle() == IN_FLIGHT_MAX
    await attempts.finish()


async def test_a_caller_with_a_thousand_that_hang_leaves_slots_for_every_other_at_once() -> None:
    attempts = Attempts()
    for number in range(1_000):
        attempts.begin(f"address {number}", proven=False, caller="attacker")
    assert await attempts.settle() == UNPROVEN_OF_ONE_CALLER_MAX

    attempts.begin("never asked", proven=False, caller="newcomer")
    assert await attempts.settle() == UNPROVEN_OF_ONE_CALLER_MAX + 1
    await attempts.finish()


async def test_a_caller_whose_receivers_all_answer_leaves_slots_for_others_too() -> None:
    attempts = Attempts()
    for number in range(1_000):
        attempts.begin(f"address {number}", proven=True, caller="busy")
    assert await attempts.settle() == OF_ONE_CALLER_MAX

    attempts.begin("good address", proven=True, caller="other")
    assert await attempts.settle() == OF_ONE_CALLER_MAX + 1
    await attempts.finish()


@pytest.mark.parametrize("proven", [False, True], ids=["never asked", "prompt until now"])
@pytest.mark.parametrize("callers", [2, 3, 10, 40])
async def test_however_few_callers_hang_a_caller_who_holds_nothing_finds_a_slot_at_once(
    callers: int, *, proven: bool
) -> None:
    attempts = Attempts()
    for number in range(callers * 100):
        attempts.begin(f"address {number}", proven=proven, caller=f"attacker {number % callers}")
    hanging = await attempts.settle()

    attempts.begin("healthy", proven=False, caller="victim")
    assert await attempts.settle() == hanging + 1
    await attempts.finish()


async def test_the_more_callers_want_slots_the_more_are_left_for_another() -> None:
    free: list[int] = []
    for callers in (1, 2, 3, 5, 11):
        slots = fair_slots(48, 24)
        waiting = [asyncio.create_task(slots.acquire(f"caller {number % callers}")) for number in range(callers * 100)]
        await asyncio.sleep(0)
        free.append(slots._free)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    assert free == [24, 16, 12, 8, 4]


async def test_who_holds_slots_is_not_given_the_last_one_when_one_becomes_free() -> None:
    slots = fair_slots(4, 2)
    waiting = [asyncio.create_task(slots.acquire(caller)) for caller in ("a", "a", "b", "b")]
    await asyncio.sleep(0)
    await asyncio.wait_for(slots.acquire("c"), 1)
    slots.release("c")
    await asyncio.sleep(0)

    assert slots._free == 1
    await asyncio.wait_for(slots.acquire("d"), 1)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_where_nothing_is_kept_free_one_caller_gets_every_slot() -> None:
    slots = fair_slots(2, 2)
    await slots.acquire("a")
    await asyncio.wait_for(slots.acquire("a"), 1)

    assert slots._free == 0


@pytest.mark.parametrize("attackers", [2, 3])
async def test_at_one_address_a_few_callers_leave_a_slot_for_another(attackers: int) -> None:
    attempts = Attempts()
    for number in range(attackers * 50):
        attempts.begin("shared", proven=False, caller=f"attacker {number % attackers}")
    hanging = await attempts.settle()

    attempts.begin("shared", proven=False, caller="victim")
    assert await attempts.settle() == hanging + 1
    await attempts.finish()


async def test_one_address_gets_a_few_at_a_time_and_keeps_room_for_a_receiver_that_answers() -> None:
    attempts = Attempts()
    for number in range(100):
        attempts.begin("crowded", proven=False, caller=f"caller {number}")
    assert await attempts.settle() == UNPROVEN_TO_ONE_ADDRESS_MAX

    for number in range(100):
        attempts.begin("crowded", proven=True, caller=f"caller {number}")
    assert await attempts.settle() == TO_ONE_ADDRESS_MAX

    attempts.begin("free", proven=False)
    assert await attempts.settle() == TO_ONE_ADDRESS_MAX + 1
    await attempts.finish()


@pytest.mark.parametrize(
    ("proven", "most"),
    [(False, UNPROVEN_TO_ONE_ADDRESS_OF_ONE_CALLER_MAX), (True, TO_ONE_ADDRESS_OF_ONE_CALLER_MAX)],
)
async def test_at_an_address_a_caller_leaves_room_for_another(most: int, *, proven: bool) -> None:
    attempts = Attempts()
    for _ in range(100):
        attempts.begin("shared", proven=proven, caller="attacker")
    assert await attempts.settle() == most

    attempts.begin("shared", proven=proven, caller="other")
    assert await attempts.settle() == most + 1
    await attempts.finish()


async def test_who_waits_takes_turns_by_caller() -> None:
    slots, served = fair_slots(1, 1), []
    await slots.acquire("first")

    async def take(caller: str) -> None:
        await slots.acquire(caller)
        served.append(caller)
        slots.release(caller)

    tasks = [asyncio.create_task(take(caller)) for caller in ["a"] * 50 + ["b", "c"]]
    await asyncio.sleep(0)
    slots.release("first")
    await asyncio.gather(*tasks)

    assert sorted(served[:3]) == ["a", "b", "c"]
    assert len(served) == 52


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_after_every_kind_of_end_all_slots_are_free_and_nothing_is_remembered(seed: int) -> None:
    """Attempts end, fail and are cancelled: while they wait for an address, for a slot, with a slot just granted."""
    dice = random.Random(seed)

    async def attempt(slots: DeliverySlots, caller: str, address: str, *, proven: bool) -> None:
        async with slots.slot(caller, address, address, proven=proven):
            await asyncio.sleep(0)
            if dice.random() < 0.3:
                raise RuntimeError

    async def run() -> None:
        slots, tasks = DeliverySlots(), []
        for number in range(dice.randrange(1, 250)):
            caller, address = f"caller {dice.randrange(4)}", f"address {dice.randrange(dice.choice([1, 40]))}"
            tasks.append(asyncio.create_task(attempt(slots, caller, address, proven=number % 2 == 0)))
            if dice.random() < 0.3:
                await asyncio.sleep(0)
            if dice.random() < 0.3:
                dice.choice(tasks).cancel()
        for task in dice.sample(tasks, len(tasks) // 4):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

        in_all = slots._in_all
        assert (in_all.everybody._free, in_all.unproven._free) == (IN_FLIGHT_MAX, UNPROVEN_MAX)
        assert (in_all.everybody._held, in_all.unproven._held) == ({}, {})
        assert slots.waiting == 0
        assert slots._addresses == {}

    asyncio.run(run())
