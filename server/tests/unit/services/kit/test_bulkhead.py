"""Nobody gets all the slots, whoever holds fewest is next, and every slot comes back."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from src.services.kit.bulkhead import Bulkhead, Share, capped_shares, equal_shares

SLOTS_MAX = 5
SHARES: dict[str, Share | None] = {
    "everybody": None,
    "capped": capped_shares(3),
    "equal": equal_shares(SLOTS_MAX, 3),
}


@settings(max_examples=100)
@given(st.sampled_from(sorted(SHARES)), st.integers(0, 2**32))
def test_every_slot_comes_back_and_never_more_are_out(share: str, seed: int) -> None:
    dice = random.Random(seed)
    held: dict[str, int] = {}

    async def hold(slots: Bulkhead, caller: str) -> None:
        await slots.acquire(caller)
        held[caller] = held.get(caller, 0) + 1
        assert sum(held.values()) <= SLOTS_MAX
        assert share == "everybody" or held[caller] <= 3
        try:
            await asyncio.sleep(0)
        finally:
            held[caller] -= 1
            slots.release(caller)

    async def run() -> None:
        slots, tasks = Bulkhead(SLOTS_MAX, SHARES[share]), []
        for _ in range(dice.randrange(1, 60)):
            tasks.append(asyncio.create_task(hold(slots, dice.choice("abc"))))
            if dice.random() < 0.4:
                await asyncio.sleep(0)
            if dice.random() < 0.3:
                dice.choice(tasks).cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)

        assert [error for error in ended if error and not isinstance(error, asyncio.CancelledError)] == []
        assert (slots._free, slots._held, slots._waiting, slots.waiting) == (SLOTS_MAX, {}, {}, 0)

    held.clear()
    asyncio.run(run())


async def test_whoever_holds_fewest_is_next() -> None:
    slots, order = Bulkhead(3), []
    for _ in range(3):
        await slots.acquire("greedy")

    async def hold(caller: str) -> None:
        await slots.acquire(caller)
        order.append(caller)

    tasks = [asyncio.create_task(hold(caller)) for caller in ("greedy", "a", "b")]
    await asyncio.sleep(0)
    for _ in range(2):
        slots.release("greedy")
        await asyncio.sleep(0)
    slots.release("a")
    await asyncio.gather(*tasks)

    assert order == ["a", "b", "greedy"]


async def test_who_waits_is_not_overtaken_by_somebody_else_of_the_same_caller() -> None:
    slots = Bulkhead(1)
    await slots.acquire("a")
    waiting = asyncio.create_task(slots.acquire("a"))
    await asyncio.sleep(0)
    assert slots.waiting_of("a") == 1
    assert not slots.try_acquire("a")

    slots.release("a")
    await waiting
    assert slots.waiting == 0
