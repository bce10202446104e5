"""A receiver cannot be flooded through us, and who is paced holds up nobody else."""

import asyncio
import random
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.services.delivery.concurrency import IN_FLIGHT_MAX, DeliverySlots
from src.services.delivery.pace import DeliveryPace, Rate, parse_rate, slower
from tests.support.virtual_time import VirtualTime

WINDOW_S = 60.0


class Lanes:
    """Lanes that send through paced slots, in virtual time; remembers when each attempt began."""

    def __init__(self, attempts: int) -> None:
        self.time = VirtualTime()
        self.pace = DeliveryPace(Rate(attempts, WINDOW_S), now_s=self.time.now_s, sleep=self.time.sleep)
        self.slots = DeliverySlots(self.pace)
        self.begun_s: dict[str, list[float]] = defaultdict(list)
        self.sent: dict[str, list[int]] = defaultdict(list)
        self.tasks: list[asyncio.Task[None]] = []

    def open(self, receiver: str, addresses: list[str], took_s: list[float]) -> None:
        """Begin a lane whose n-th attempt goes to the n-th address and takes so long."""
        self.tasks.append(asyncio.create_task(self._run(receiver, addresses, took_s)))

    async def _run(self, receiver: str, addresses: list[str], took_s: list[float]) -> None:
        for number, (address, seconds) in enumerate(zip(addresses, took_s, strict=True)):
            async with self.slots.slot(receiver, receiver, address, proven=number % 2 == 0):
                for key in (receiver, address):
                    self.begun_s[key].append(self.time.now_s())
                if seconds:
                    await self.time.sleep(seconds)
                self.sent[receiver].append(number)

    def assert_rate(self, attempts: int) -> None:
        """Check every window that any attempt begins."""
        for times_s in self.begun_s.values():
            assert all(later - earlier >= WINDOW_S for earlier, later in zip(times_s, times_s[attempts:], strict=False))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_no_window_holds_more_than_the_rate_nothing_is_lost_and_order_stays(seed: int, rate: int) -> None:
    dice = random.Random(seed)

    async def run() -> None:
        lanes = Lanes(rate)
        counts = {f"http://r{number}": dice.randrange(1, 7) for number in range(dice.randrange(1, 14))}
        for receiver, count in counts.items():
            addresses = [f"192.0.2.{dice.randrange(3)}" for _ in range(count)]
            lanes.open(receiver, addresses, [dice.choice([0, 0.5, 10, 100]) for _ in range(count)])
            await lanes.time.pass_by(dice.choice([0, 0, 7]))
        await lanes.time.pass_by(WINDOW_S * 200)

        assert lanes.sent == {receiver: list(range(count)) for receiver, count in counts.items()}
        lanes.assert_rate(rate)

    asyncio.run(run())


async def test_who_is_paced_delays_nobody_else_and_holds_no_slot() -> None:
    lanes = Lanes(attempts=1)
    for number in range(2 * IN_FLIGHT_MAX):
        lanes.open(f"http://flood{number}", ["192.0.2.1"], [0])
    await lanes.time.settle()
    for number in range(5):
        lanes.open(f"http://good{number}", [f"192.0.2.{number + 2}"], [0])
    await lanes.time.settle()

    assert [len(lanes.sent[f"http://good{number}"]) for number in range(5)] == [1] * 5
    assert len(lanes.begun_s["192.0.2.1"]) == 1
    await lanes.stop()


async def test_who_waited_for_a_slot_does_not_begin_beside_another_who_did() -> None:
    lanes = Lanes(attempts=1)
    for number in range(IN_FLIGHT_MAX):
        lanes.open(f"http://slow{number}", [f"192.0.2.{number + 2}"], [5])
    for number in range(5):
        lanes.open(f"http://name{number}", ["192.0.2.1"], [0])
    await lanes.time.pass_by(WINDOW_S)
    assert len(lanes.begun_s["192.0.2.1"]) == 1

    await lanes.time.pass_by(WINDOW_S * 4)
    assert len(lanes.begun_s["192.0.2.1"]) == 5
    lanes.assert_rate(1)


async def test_many_names_of_one_address_share_its_rate() -> None:
    lanes = Lanes(attempts=3)
    for number in range(9):
        lanes.open(f"http://name{number}", ["192.0.2.1"], [0])
    begun = []
    for _ in range(3):
        await lanes.time.settle()
        begun.append(len(lanes.begun_s["192.0.2.1"]))
        await lanes.time.pass_by(WINDOW_S)

    assert begun == [3, 6, 9]


async def test_one_name_with_many_addresses_has_one_rate() -> None:
    lanes = Lanes(attempts=2)
    lanes.open("http://rotating", [f"192.0.2.{number}" for number in range(6)], [0] * 6)
    await lanes.time.pass_by(WINDOW_S - 1)

    assert len(lanes.sent["http://rotating"]) == 2
    assert lanes.pace.delayed == {"http://rotating"}
    await lanes.stop()
    assert lanes.pace.delayed == set()


async def test_memory_holds_the_last_window_and_nothing_else() -> None:
    lanes = Lanes(attempts=2)
    for number in range(500):
        lanes.open(f"http://r{number}", [f"address {number}"], [0])
        await lanes.time.pass_by(WINDOW_S / 10)

    assert len(lanes.pace._begun) <= 2 * 11


async def test_without_a_rate_nothing_is_delayed_or_remembered() -> None:
    pace = DeliveryPace(parse_rate("off"))
    for _ in range(100):
        await pace.until_free("http://r", "192.0.2.1")
        assert pace.take("http://r", "192.0.2.1")

    assert len(pace._begun) == 0


@pytest.mark.parametrize(("text", "rate"), [("1000/second", Rate(1000, 1)), ("60/minute", Rate(60, 60))])
def test_a_rate_is_read(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("rate", "slowest"),
    [("off", "60/minute"), ("1000/second", "60/minute"), ("1/second", "1/second"), ("2/minute", "2/minute")],
)
def test_of_two_rates_the_one_holds_that_lets_less_through(rate: str, slowest: str) -> None:
    assert slower(parse_rate(rate), Rate(60, 60.0)) == parse_rate(slowest)
