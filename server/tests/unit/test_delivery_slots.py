"""Whoever answers promptly finds a slot, however many hang."""

import asyncio

from src.services.delivery_slots import (
    IN_FLIGHT_MAX,
    TO_ONE_ADDRESS_MAX,
    UNPROVEN_MAX,
    UNPROVEN_TO_ONE_ADDRESS_MAX,
    DeliverySlots,
)


class Attempts:
    """Attempts that hang until they are let go."""

    def __init__(self) -> None:
        self.slots = DeliverySlots()
        self.under_way = 0
        self.gate = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self, address: str, *, proven: bool) -> None:
        self.tasks.append(asyncio.create_task(self._attempt(address, proven=proven)))

    async def _attempt(self, address: str, *, proven: bool) -> None:
        async with self.slots.slot(address, address, proven=proven):
            self.under_way += 1
            await self.gate.wait()
            self.under_way -= 1

    async def settle(self) -> int:
        for _ in range(20):
            await asyncio.sleep(0)
        return self.under_way

    async def finish(self) -> None:
        self.gate.set()
        await asyncio.gather(*self.tasks)


async def test_a_thousand_that_hang_leave_slots_for_those_that_answer() -> None:
    attempts = Attempts()
    for number in range(1_000):
        attempts.begin(f"address {number}", proven=False)
    assert await attempts.settle() == UNPROVEN_MAX

    for number in range(100):
        attempts.begin(f"good address {number}", proven=True)
    assert await attempts.settle() == IN_FLIGHT_MAX
    await attempts.finish()


async def test_one_address_gets_a_few_at_a_time_and_keeps_room_for_a_receiver_that_answers() -> None:
    attempts = Attempts()
    for _ in range(100):
        attempts.begin("crowded", proven=False)
    assert await attempts.settle() == UNPROVEN_TO_ONE_ADDRESS_MAX

    for _ in range(100):
        attempts.begin("crowded", proven=True)
    assert await attempts.settle() == TO_ONE_ADDRESS_MAX

    attempts.begin("free", proven=False)
    assert await attempts.settle() == TO_ONE_ADDRESS_MAX + 1
    await attempts.finish()


async def test_nothing_is_kept_of_addresses_that_are_done_with() -> None:
    attempts = Attempts()
    for number in range(50):
        attempts.begin(f"address {number}", proven=number % 2 == 0)
    await attempts.finish()

    assert attempts.slots._addresses == {}
