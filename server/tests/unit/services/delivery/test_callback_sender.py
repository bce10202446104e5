"""Which lanes are open: everybody's turn comes, whoever fails, and a stop leaves nothing behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from src.services.delivery.attempt_records import STATEMENTS_MAX
from src.services.delivery.attempts import AttemptRules
from src.services.delivery.places import LanePlaces
from src.services.delivery.sender import CallbackSender, DeliveryRules
from src.services.outbound.callback_url import CallbackUrl
from src.services.outbound.client import Failure, Reply
from src.services.requests.records import LaneKey, OwedCallback, Pause
from tests.support.lanes import FAULT, OK, PLAIN_LINKS, UNNAMED_SIGNERS, World, owed
from tests.support.waiting import eventually

PLACES = 20
SLOW_S = 3600.0


class Deliveries:
    """A sender with few places, a table, and receivers of which some never answer or fail at once."""

    def __init__(
        self, *, retry_delays_s: tuple[float, ...] = (60,), probe_after_s: float = 300, places: int = PLACES
    ) -> None:
        self.world = World([f"http://127.0.0.1:{port}" for port in range(9_000, 9_200)])
        self.table = self.world.table
        self.failing: set[str] = set()
        self.hanging: set[str] = set()
        self.called: list[str] = []
        self.open_connections = 0
        self.numbers = iter(range(1, 10_000))
        self.sender = CallbackSender(
            store=self.world.store,
            connect=lambda receiver: Way(self, receiver),
            policy_of=lambda _owner: self.world.policy,
            locate=self.world.locate,
            signers=UNNAMED_SIGNERS,
            rules=DeliveryRules(
                attempts=AttemptRules(links=PLAIN_LINKS, timeout_s=10),
                retry_delays_s=retry_delays_s,
                probe_after_s=probe_after_s,
                expires_after=timedelta(hours=24),
            ),
            now=now,
            places=LanePlaces(now, places),
        )

    def owe(self, caller: str, port: int, count: int = 1) -> list[OwedCallback]:
        lane = LaneKey(caller, f"http://127.0.0.1:{port}")
        callbacks = [owed(next(self.numbers), lane, now()) for _ in range(count)]
        self.table.add(*callbacks)
        return callbacks

    def still_owed(self, caller: str) -> int:
        return sum(callback.lane.caller == caller for callback in self.table.owed_callbacks.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.sender.prepare()
        running = asyncio.create_task(self.sender.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await self.sender.aclose(0)

    def assert_nothing_is_held(self) -> None:
        slots = self.sender._slots
        assert self.sender.in_flight == self.open_connections == slots.waiting == 0
        assert (slots._addresses, slots._in_all.everybody._held, slots._in_all.unproven._held) == ({}, {}, {})
        assert self.sender._pace.delayed == set()
        assert self.sender._pauses._probed == set()
        assert not [lane for lane in self.sender._lanes if lane.busy]
        assert self.sender._lanes._closing == set()
        statement_slots = self.sender._parts.statement_slots
        assert (statement_slots._free, statement_slots._held, statement_slots.waiting) == (STATEMENTS_MAX, {}, 0)


class Way:
    """A connection."""

    def __init__(self, deliveries: Deliveries, receiver: str) -> None:
        self._deliveries = deliveries
        self._receiver = receiver
        deliveries.open_connections += 1

    async def post(self, _url: CallbackUrl, _headers: object, _body: bytes, *, deadline_s: float) -> Reply | Failure:
        """Get one attempt."""
        self._deliveries.called.append(self._receiver)
        await asyncio.sleep(SLOW_S if self._receiver in self._deliveries.hanging else 0)
        assert deadline_s
        return FAULT if self._receiver in self._deliveries.failing else OK

    async def aclose(self) -> None:
        """Close it."""
        self._deliveries.open_connections -= 1


def now() -> datetime:
    return datetime.now(UTC)


async def test_receivers_that_fail_and_wait_for_their_retries_stop_nobody() -> None:
    deliveries = Deliveries()
    for port in range(9_000, 9_100):
        deliveries.failing.add(f"http://127.0.0.1:{port}")
        deliveries.owe("attacker", port, 3)
    async with deliveries.running():
        await eventually(lambda: len(deliveries.called) >= PLACES, within_s=5)
        deliveries.sender.offer(deliveries.owe("victim", 9_150))
        await eventually(lambda: not deliveries.still_owed("victim"), within_s=1)

    deliveries.assert_nothing_is_held()


async def test_more_receivers_that_hang_than_there_are_places_delay_no_healthy_one_of_another_caller() -> None:
    deliveries = Deliveries(places=100)
    deliveries.hanging = {f"http://127.0.0.1:{port}" for port in range(9_000, 9_150)}
    async with deliveries.running():
        for port in range(9_000, 9_150):
            deliveries.sender.offer(deliveries.owe(f"attacker {port % 3}", port))
        await eventually(lambda: deliveries.sender.state().waiting_for_place > 0)
        for number in range(5):
            deliveries.sender.offer(deliveries.owe("victim", 9_150))
            await eventually(lambda: deliveries.still_owed("victim") == 0, within_s=2)
            for port in range(9_000, 9_150):
                deliveries.sender.offer(deliveries.owe(f"attacker {(port + number) % 3}", port))

        assert deliveries.called.count("http://127.0.0.1:9150") == 5
        assert deliveries.sender._lanes.get(LaneKey("victim", "http://127.0.0.1:9150")) is not None
        assert deliveries.open_connections <= 100
    deliveries.assert_nothing_is_held()


async def test_a_caller_with_many_receivers_and_another_with_one_whose_name_sorts_last_take_turns() -> None:
    deliveries = Deliveries()
    for port in range(9_000, 9_100):
        deliveries.owe("attacker", port)
        deliveries.hanging.add(f"http://127.0.0.1:{port}")
    deliveries.owe("zz victim", 9_199)
    async with deliveries.running():
        await eventually(lambda: not deliveries.still_owed("zz victim"), within_s=3)

        state = deliveries.sender.state()
        assert state.lanes <= PLACES
        assert state.waiting_for_place > 0

    deliveries.assert_nothing_is_held()


async def test_many_lanes_that_are_opened_together_ask_the_table_a_few_at_a_time() -> None:
    deliveries = Deliveries()
    for port in range(9_000, 9_000 + PLACES):
        deliveries.owe("a", port)
    async with deliveries.running():
        await eventually(lambda: not deliveries.table.owed_callbacks, within_s=5)

    # Those of the lanes, one transaction of records, and one look of a sweep.
    assert deliveries.table.under_way_max <= STATEMENTS_MAX + 2
    deliveries.assert_nothing_is_held()


async def test_paused_lanes_hold_no_place_and_can_be_seen() -> None:
    deliveries = Deliveries(retry_delays_s=())
    for port in range(9_000, 9_100):
        deliveries.failing.add(f"http://127.0.0.1:{port}")
        deliveries.owe("attacker", port, 6)
    async with deliveries.running():
        await eventually(lambda: len(deliveries.table.paused) == 100, within_s=20)
        await eventually(lambda: deliveries.sender.state().lanes == 0, within_s=5)
        seen = await deliveries.sender.lanes()
        deliveries.sender.offer(deliveries.owe("attacker", 9_150))
        await eventually(lambda: deliveries.still_owed("attacker") == 100, within_s=1)

    assert sum(state.pause is not None for state in seen) == 100
    assert len(deliveries.called) == 501
    deliveries.assert_nothing_is_held()


async def test_a_probe_comes_when_it_is_due_and_what_waited_follows_in_order() -> None:
    deliveries = Deliveries(retry_delays_s=(), probe_after_s=0.1)
    deliveries.failing.add("http://127.0.0.1:9000")
    callbacks = deliveries.owe("a", 9_000, 8)
    async with deliveries.running():
        deliveries.sender.offer(callbacks)
        await eventually(lambda: len(deliveries.called) >= 7, within_s=5)
        deliveries.failing.clear()
        await eventually(lambda: not deliveries.still_owed("a"), within_s=5)
    positions = [attempt.request_id.int for attempt in deliveries.table.attempts]

    assert deliveries.table.paused == {}
    assert positions == sorted(positions)
    deliveries.assert_nothing_is_held()


async def test_of_many_callers_one_probes_a_receiver_that_does_not_connect_and_then_all_follow() -> None:
    deliveries = Deliveries()
    receiver = "http://127.0.0.1:9000"
    pause = Pause(
        caller="",
        receiver=receiver,
        paused_at=now(),
        reason="x",
        probes=0,
        next_probe_at=now() + timedelta(seconds=0.2),
    )
    deliveries.table.paused[LaneKey("", receiver)] = pause
    for number in range(10):
        deliveries.owe(f"caller {number}", 9_000)
    async with deliveries.running():
        await asyncio.sleep(0.1)
        assert deliveries.called == []
        await eventually(lambda: len(deliveries.called) == 1, within_s=1)
        await eventually(lambda: not deliveries.table.owed_callbacks, within_s=5)

    assert deliveries.table.paused == {}
    deliveries.assert_nothing_is_held()


async def test_a_pause_that_somebody_ended_is_over_at_once() -> None:
    deliveries = Deliveries()
    receiver = "http://127.0.0.1:9000"
    key = LaneKey("a", receiver)
    pause = Pause(
        caller="a", receiver=receiver, paused_at=now(), reason="x", probes=0, next_probe_at=now() + timedelta(hours=1)
    )
    deliveries.table.paused[key] = pause
    deliveries.owe("a", 9_000)
    async with deliveries.running():
        await asyncio.sleep(0.1)
        assert deliveries.called == []
        del deliveries.table.paused[key]
        deliveries.sender.pauses_changed([receiver])
        await eventually(lambda: not deliveries.still_owed("a"), within_s=1)

    deliveries.assert_nothing_is_held()


async def test_a_probe_that_somebody_hurried_is_made_now_and_where_it_fails_the_pause_stays() -> None:
    deliveries = Deliveries()
    receiver = "http://127.0.0.1:9000"
    key = LaneKey("a", receiver)
    pause = Pause(
        caller="a", receiver=receiver, paused_at=now(), reason="x", probes=0, next_probe_at=now() + timedelta(hours=1)
    )
    deliveries.table.paused[key] = pause
    deliveries.failing.add(receiver)
    deliveries.owe("a", 9_000, 2)
    async with deliveries.running():
        await asyncio.sleep(0.1)
        deliveries.table.paused[key] = replace(pause, next_probe_at=now())
        deliveries.sender.pauses_changed([receiver])
        await eventually(lambda: deliveries.table.paused[key].probes == 1, within_s=1)
        await asyncio.sleep(0.1)

    assert len(deliveries.called) == 1
    assert deliveries.still_owed("a") == 2
    deliveries.assert_nothing_is_held()


@pytest.mark.parametrize("statement", ["callers_owed", "lanes_owed", "owed", "pauses_of"])
async def test_a_fault_while_looking_is_told_and_looked_over(statement: str) -> None:
    deliveries = Deliveries()
    deliveries.table.faults[statement] = [RuntimeError("x")]
    deliveries.owe("a", 9_000)
    sender = deliveries.sender
    troubles: list[str] = []

    async def run_again_and_again() -> None:
        while True:
            try:
                sender.pauses_changed(["http://127.0.0.1:9000"])
                await sender.run()
            except RuntimeError:
                troubles.extend(sender.state().troubles)

    await sender.prepare()
    running = asyncio.create_task(run_again_and_again())
    await eventually(lambda: not deliveries.still_owed("a"), within_s=5)
    await eventually(lambda: not sender.state().troubles, within_s=5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await sender.aclose(0)

    assert troubles or statement == "owed"
    deliveries.assert_nothing_is_held()


Ending = Callable[[Deliveries], Awaitable[None]]


async def at_once(_deliveries: Deliveries) -> None:
    """Stop in the first moment."""


async def with_attempts_under_way(deliveries: Deliveries) -> None:
    """Stop while some hang and some wait for a slot."""
    await eventually(lambda: deliveries.sender.in_flight >= 10, within_s=5)


async def while_records_cannot_be_written(deliveries: Deliveries) -> None:
    """Stop while something is not recorded."""
    deliveries.table.faults["record_attempts"] = [RuntimeError("x")] * 3
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("until", [at_once, with_attempts_under_way, while_records_cannot_be_written])
async def test_a_stop_at_any_moment_leaves_nothing_behind(until: Ending) -> None:
    deliveries = Deliveries()
    for port in range(9_000, 9_060):
        deliveries.owe(f"caller {port % 5}", port, 3)
        if port % 2:
            deliveries.hanging.add(f"http://127.0.0.1:{port}")
        if port % 3 == 0:
            deliveries.failing.add(f"http://127.0.0.1:{port}")
    async with deliveries.running():
        await until(deliveries)

    deliveries.assert_nothing_is_held()
    recorded = [(attempt.request_id, attempt.attempt_number) for attempt in deliveries.table.attempts]
    assert len(recorded) == len(set(recorded))
