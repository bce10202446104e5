"""No caller owes something to more receivers than it may, whatever else happens meanwhile."""

import asyncio
import random
from collections import Counter
from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from src.services.requests import receiver_quota
from src.services.requests.receiver_quota import LOOKED_UP_AT_LIMIT_EVERY_S, LOOKED_UP_EVERY_S, ReceiverQuota

MOST = 5
CALLERS = ["a", "b", "c"]


class Table:
    """What is owed, by caller and receiver; a stand-in for the database that answers late."""

    def __init__(self) -> None:
        self.owed: dict[str, Counter[str]] = {caller: Counter() for caller in CALLERS}
        self.looks = 0
        self.is_away = False
        self.now_s = 0.0
        self.quota = self.process()

    def process(self) -> ReceiverQuota:
        return ReceiverQuota(self.look_up, receivers_max=MOST, now_s=lambda: self.now_s)

    async def look_up(self, callers: Collection[str], at_most: int) -> dict[str, set[str]]:
        self.looks += 1
        if self.is_away:
            raise OSError
        await asyncio.sleep(0)
        seen = {caller: set(sorted(+self.owed.get(caller, Counter()))[:at_most]) for caller in callers}
        await asyncio.sleep(0)
        return seen

    async def accept(
        self, caller: str, receiver: str, *, stored: bool = True, quota: ReceiverQuota | None = None
    ) -> bool:
        """Do what an accept does: admit, write after a while, settle."""
        quota = quota or self.quota
        admitted = await quota.admit(caller, receiver)
        if admitted:
            for _ in range(3):
                await asyncio.sleep(0)
            if stored:
                self.owed.setdefault(caller, Counter())[receiver] += 1
            quota.settle(caller, receiver)
        return admitted

    def deliver(self, caller: str, receiver: str) -> None:
        self.owed[caller][receiver] = 0

    def receivers(self, caller: str) -> int:
        return len(+self.owed[caller])


@given(st.integers(0, 2**32), st.integers(1, 80))
def test_no_order_of_arrivals_looks_and_deliveries_lets_a_caller_owe_to_more_receivers(seed: int, steps: int) -> None:
    dice = random.Random(seed)

    async def run() -> None:
        table = Table()
        under_way: list[asyncio.Task[bool]] = []
        for _ in range(steps):
            caller, receiver = dice.choice(CALLERS), str(dice.randrange(3 * MOST))
            match dice.randrange(4):
                case 0 | 1:
                    accept = table.accept(caller, receiver, stored=dice.random() < 0.8)
                    under_way.append(asyncio.create_task(accept))
                case 2:
                    table.deliver(caller, receiver)
                case 3:
                    table.now_s += dice.choice([0, 0.05, LOOKED_UP_AT_LIMIT_EVERY_S * 2, LOOKED_UP_EVERY_S + 1])
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(0)
            assert max(map(table.receivers, CALLERS)) <= MOST
        await asyncio.gather(*under_way)
        assert max(map(table.receivers, CALLERS)) <= MOST
        assert all(known.in_flight == {} for known in table.quota._callers.values())

    asyncio.run(run())


async def test_beyond_the_limit_a_new_receiver_is_refused_and_those_there_are_not() -> None:
    table = Table()
    admitted = [await table.accept("a", str(number)) for number in range(MOST + 2)]

    assert admitted == [True] * MOST + [False] * 2
    assert await table.accept("a", "3")
    assert await table.accept("b", "9")


async def test_room_is_found_again_when_a_receiver_has_got_everything() -> None:
    table = Table()
    for number in range(MOST):
        await table.accept("a", str(number))
    table.deliver("a", "0")
    table.now_s += LOOKED_UP_AT_LIMIT_EVERY_S * 1.5

    assert await table.accept("a", "new")
    assert not await table.accept("a", "newer")


async def test_what_a_caller_owed_before_this_process_began_counts() -> None:
    table = Table()
    for number in range(MOST):
        table.owed["a"][str(number)] = 1

    assert not await table.accept("a", "new")
    assert await table.accept("a", "1")


async def test_what_other_processes_accept_is_seen_a_moment_later() -> None:
    table = Table()
    other = table.process()
    await table.accept("a", "mine")
    for number in range(MOST - 1):
        assert await table.accept("a", str(number), quota=other)
    table.now_s += LOOKED_UP_EVERY_S * 1.5

    assert not await table.accept("a", "new")


async def test_a_caller_with_the_same_receivers_costs_no_look() -> None:
    table = Table()
    for number in range(100):
        await table.accept("a", str(number % 3))
        table.now_s += 10

    assert table.looks == 3


async def test_many_callers_at_once_are_looked_up_together() -> None:
    table = Table()
    await asyncio.gather(*(table.accept(str(number), "r") for number in range(100)))

    assert table.looks <= 4


async def test_after_an_error_nothing_is_held() -> None:
    table = Table()
    table.is_away = True
    for _ in range(3):
        error = (await asyncio.gather(table.accept("a", "r"), return_exceptions=True))[0]
        assert isinstance(error, OSError)
    table.is_away = False

    assert table.quota._callers["a"].in_flight == {}
    assert await table.accept("a", "r")


async def test_memory_is_bounded_however_many_callers_and_receivers_come() -> None:
    table = Table()
    quota = ReceiverQuota(table.look_up, receivers_max=1_000, now_s=lambda: table.now_s)

    async def come(caller: str) -> None:
        await quota.admit(caller, "r")
        quota.settle(caller, "r")

    for hundred in range(receiver_quota.CALLERS_MAX // 100 + 10):
        await asyncio.gather(*(come(f"{hundred} {number}") for number in range(100)))

    assert len(quota._callers) == receiver_quota.CALLERS_MAX
    assert quota._remembered == sum(len(known.receivers) for known in quota._callers.values())
