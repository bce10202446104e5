"""A lane sends in order, one at a time, goes on whatever fails, and forgets nothing that it sent."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from src.errors import DatabaseAway, LeadershipLost
from src.services.requests.records import Attempt, LaneKey
from tests.support.jobs import LANE
from tests.support.lanes import FAULT, NOBODY, OK, RECEIVER, World, owed

EVERYBODY = LaneKey("", RECEIVER)


async def test_callbacks_are_sent_in_order_one_at_a_time() -> None:
    world = World()
    lane = world.lane()
    world.far.took_s = 1
    world.offer(lane, *range(1, 8))
    for second in range(7):
        await world.time.settle()
        assert (world.far.under_way, len(world.far.called)) == (1, second + 1)
        await world.time.pass_by(1)

    assert world.sent == list(range(1, 8))
    assert not lane.busy
    world.assert_nothing_is_held()


async def test_after_five_used_up_callbacks_it_is_paused_and_rests() -> None:
    world = World()
    lane = world.lane()
    world.far.answer = lambda _number: FAULT
    world.offer(lane, *range(1, 9))
    await world.time.pass_by(100)

    assert world.sent == [position for position in range(1, 6) for _ in range(4)]
    assert not lane.busy
    assert world.rested == [LANE]
    assert list(world.table.paused) == [LANE]
    assert sorted(one.queue_position for one in world.table.owed_callbacks.values()) == [6, 7, 8]
    world.assert_nothing_is_held()


async def test_a_probe_is_one_attempt_and_its_failure_keeps_the_callback_and_the_pause() -> None:
    world = World()
    world.far.answer = lambda _number: FAULT
    world.offer(world.lane(), *range(1, 9))
    await world.time.pass_by(100)
    before = len(world.sent)
    lane = world.lane()
    lane.probe()
    await world.time.pass_by(1)

    assert world.sent[before:] == [6]
    assert not lane.busy
    assert world.table.paused[LANE].probes == 1
    assert world.table.paused[LANE].next_probe_at - world.now() > timedelta(seconds=50)
    assert len(world.table.owed_callbacks) == 3
    world.assert_nothing_is_held()


async def test_a_probe_that_succeeds_ends_the_pause_and_the_rest_follows_in_order() -> None:
    world = World()
    world.far.answer = lambda number: FAULT if number < 20 else OK
    world.offer(world.lane(), *range(1, 9))
    await world.time.pass_by(100)
    before = len(world.sent)
    world.lane().probe()
    await world.time.pass_by(1)

    assert world.sent[before:] == [6, 7, 8]
    assert world.table.paused == {}
    world.assert_nothing_is_held()


async def test_a_receiver_that_does_not_connect_is_paused_for_everybody_and_found_by_one() -> None:
    world = World()
    others = LaneKey("198.51.100.7", RECEIVER)
    world.far.answer = lambda _number: NOBODY
    world.offer(world.lane(), *range(1, 9))
    await world.time.pass_by(100)
    assert list(world.table.paused) == [EVERYBODY]

    world.offer(other := world.lane(others), 101, 102)
    await world.time.pass_by(1)
    assert not other.busy
    assert 101 not in world.sent
    world.far.answer = lambda _number: OK
    other.probe()
    await world.time.pass_by(1)

    assert world.sent[-2:] == [101, 102]
    assert world.table.paused == {}
    world.assert_nothing_is_held()


async def test_a_caller_whose_url_fails_neither_delays_nor_pauses_another_at_the_same_receiver() -> None:
    world = World()
    bad, good = world.lane(), world.lane(LaneKey("198.51.100.7", RECEIVER))
    world.far.answer = lambda _number: FAULT
    world.offer(bad, *range(1, 9))
    await world.time.pass_by(100)
    world.far.answer = lambda _number: OK
    world.offer(good, 101)
    await world.time.settle()

    assert list(world.table.paused) == [LANE]
    assert world.sent[-1] == 101
    world.assert_nothing_is_held()


async def test_a_probe_that_finds_nothing_to_send_ends_the_pause() -> None:
    world = World()
    world.far.answer = lambda _number: FAULT
    world.offer(world.lane(), *range(1, 7))
    await world.time.pass_by(100)
    world.table.owed_callbacks.clear()  # somebody deleted them
    world.lane().probe()
    await world.time.pass_by(1)

    assert world.table.paused == {}
    world.assert_nothing_is_held()


FAULTS = [RuntimeError("x"), DatabaseAway("The database does not answer."), OSError("x")]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("statement", ["owed", "record_attempts", "still_owed", "pause", "end_pause"])
async def test_whatever_a_statement_raises_the_lane_goes_on_and_sends_nothing_twice(
    statement: str, fault: Exception
) -> None:
    world = World()
    lane = world.lane()
    world.far.answer = lambda number: FAULT if number < 20 else OK
    world.table.faults[statement] = [fault] * 4
    world.table.add(*(owed(position) for position in range(1, 9)))
    lane.recheck()
    await world.time.pass_by(200)
    lane.probe()
    await world.time.pass_by(200)

    assert world.table.faults[statement] == []
    assert world.sent == [position for position in range(1, 6) for _ in range(4)] + [6, 7, 8]
    assert len(world.far.called) == len(world.sent)
    assert lane.trouble is None
    world.assert_nothing_is_held()


async def test_a_record_that_cannot_be_stored_does_not_keep_those_of_other_lanes() -> None:
    world = World()
    poison, write = 1, world.table.record_attempts

    async def refuse_one(attempts: Sequence[Attempt]) -> list[None]:
        if any(attempt.request_id.int == poison for attempt in attempts):
            raise ValueError("a value that cannot be stored")
        return await write(attempts)

    world.parts.records._write = refuse_one
    first, second = world.lane(), world.lane(LaneKey("198.51.100.7", RECEIVER))
    world.offer(first, 1)
    world.offer(second, 101, 102)
    await world.time.pass_by(10)

    assert world.sent == [101, 102]
    assert first.trouble
    poison = 0
    await world.time.pass_by(10)
    assert world.sent == [101, 102, 1]


async def test_when_another_process_leads_the_lane_ends() -> None:
    world = World()
    lane = world.lane()
    world.table.faults["record_attempts"] = [LeadershipLost("x")] * 2
    world.offer(lane, 1, 2, 3)
    await world.time.pass_by(10)

    assert not lane.busy
    assert world.sent == []
    world.assert_nothing_is_held()


@pytest.mark.parametrize(
    "after_s", [0, 0.5, 1.5, 3], ids=["begun", "in flight", "waiting for a retry", "in flight again"]
)
@pytest.mark.parametrize("deadline_s", [0, 0.05])
async def test_a_closed_lane_holds_nothing_and_leaves_the_rest_in_the_table(after_s: float, deadline_s: float) -> None:
    world = World()
    lane = world.lane()
    world.far.took_s = 1
    world.far.answer = lambda _number: FAULT
    world.offer(lane, 1, 2, 3)
    await world.time.pass_by(after_s)
    await lane.close(deadline_s)
    called = len(world.far.called)
    await world.time.pass_by(100)

    assert not lane.busy
    assert len(world.far.called) == called
    assert sorted(one.queue_position for one in world.table.owed_callbacks.values()) == [1, 2, 3]
    assert world.far.closed == 1
    world.assert_nothing_is_held()


async def test_a_lane_that_waits_for_a_retry_may_leave_and_one_that_sends_or_records_may_not() -> None:
    world = World()
    lane = world.lane()
    world.far.took_s = 1
    world.far.answer = lambda _number: FAULT
    world.offer(lane, 1)
    await world.time.settle()
    sending = lane.may_leave
    await world.time.pass_by(1.5)
    waiting = lane.may_leave
    lane.leave()
    await world.time.pass_by(100)

    assert (sending, waiting) == (False, True)
    assert len(world.far.called) == 1
    world.assert_nothing_is_held()


async def test_a_lane_that_is_offered_something_while_it_ends_goes_on() -> None:
    world = World()
    lane = world.lane()
    for position in range(1, 30):
        world.offer(lane, position)
        await asyncio.sleep(0)
    for _ in range(20):
        await world.time.settle()

    assert world.sent == list(range(1, 30))
