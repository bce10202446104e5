"""A lane sends in order, one at a time, goes on whatever fails, and forgets nothing that it sent."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from src.errors import DatabaseAway, LeadershipLost
from src.services.delivery.concurrency import UNPROVEN_MAX
from src.services.delivery.lane import DeliveryLane
from src.services.delivery.proven import PROVEN_MAX, ProvenLanes
from src.services.requests.records import Attempt, LaneKey
from tests.support.jobs import LANE
from tests.support.lanes import FAULT, NOBODY, OK, RECEIVER, World, owed

EVERYBODY = LaneKey("", RECEIVER)


def told(lane: DeliveryLane) -> str | None:
    """What a lane says of itself now."""
    return lane.trouble


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


async def test_a_retry_keeps_its_place_and_its_waits() -> None:
    world = World()
    lane = world.lane()
    world.far.answer = lambda number: FAULT if number < 3 else OK
    world.offer(lane, 1, 2)
    await world.time.pass_by(1.9)
    assert world.sent == [1]
    await world.time.pass_by(20)

    assert world.sent == [1, 1, 1, 1, 2]
    assert [attempt.success for attempt in world.table.attempts] == [False] * 3 + [True] * 2
    world.assert_nothing_is_held()


async def test_the_end_of_an_attempt_is_kept_to_the_microsecond() -> None:
    world = World()
    lane = world.lane()
    world.far.took_s = 0.000_4
    world.offer(lane, 1, 2, 3)
    await world.time.pass_by(1)
    ends = [attempt.ended_at for attempt in world.table.attempts]

    assert [attempt.response_time_ms for attempt in world.table.attempts] == [0, 0, 0]
    assert ends == sorted(set(ends))
    assert all(one.ended_at - one.attempted_at == timedelta(microseconds=400) for one in world.table.attempts)
    assert all(
        one.ended_at <= two.attempted_at
        for one, two in zip(world.table.attempts, world.table.attempts[1:], strict=False)
    )


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


async def test_what_is_owed_for_too_long_is_given_up_in_a_paused_lane_too() -> None:
    world = World()
    world.far.answer = lambda _number: FAULT
    world.offer(world.lane(), *range(1, 8))
    await world.time.pass_by(25 * 3600)
    lane = world.lane()
    lane.look_again()
    await world.time.pass_by(1)

    assert [attempt.error_code for attempt in world.table.attempts[-2:]] == ["expired"] * 2
    assert world.table.owed_callbacks == {}
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
    lane.look_again()
    await world.time.pass_by(200)
    lane.probe()
    await world.time.pass_by(200)

    assert world.table.faults[statement] == []
    assert world.sent == [position for position in range(1, 6) for _ in range(4)] + [6, 7, 8]
    assert len(world.far.called) == len(world.sent)
    assert lane.trouble is None
    world.assert_nothing_is_held()


async def test_while_a_record_cannot_be_written_the_lane_says_so_and_does_not_send_again() -> None:
    world = World()
    lane = world.lane()
    world.table.faults["record_attempts"] = [RuntimeError("disk full")] * 1_000
    world.offer(lane, 1, 2, 3)
    await world.time.pass_by(60)

    assert told(lane) == "A fault in the service: RuntimeError."
    assert len(world.far.called) == 2  # the second goes while the first is being recorded; then it waits
    world.table.faults["record_attempts"].clear()
    await world.time.pass_by(60)

    assert world.sent == [1, 2, 3]
    assert len(world.far.called) == 3
    assert told(lane) is None
    world.assert_nothing_is_held()


async def test_whatever_an_attempt_raises_before_it_is_sent_the_lane_tells_and_tries_again() -> None:
    world = World()
    lane = world.lane()
    world.locating = [RuntimeError("x")] * 3
    world.offer(lane, 1, 2)
    await world.time.settle()
    assert told(lane) == "A fault in the service: RuntimeError."
    await world.time.pass_by(10)

    assert world.sent == [1, 2]
    assert told(lane) is None
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


async def test_an_answer_of_a_slow_receiver_gets_its_slot_among_the_unproven_next_time() -> None:
    world = World()
    lane: DeliveryLane = world.lane()
    taken: list[bool] = []
    slot = world.slots.slot

    def watch(caller: str, receiver: str, address: str, *, proven: bool) -> object:
        taken.append(proven)
        return slot(caller, receiver, address, proven=proven)

    world.slots = world.attempts._slots = type("Slots", (), {"slot": staticmethod(watch), "pace": world.slots.pace})()
    for position, took_s in enumerate([0, 3, 0, 0], start=1):
        world.far.took_s = took_s
        world.offer(lane, position)
        await world.time.pass_by(5)

    assert taken == [False, True, False, True]


async def test_a_lane_that_was_closed_and_opened_again_is_still_proven_and_waits_for_none_that_hang() -> None:
    world = World()
    first = world.lane()
    world.offer(first, 1)
    await world.time.pass_by(1)
    await first.close()
    world.far.took_s = 8
    async with AsyncExitStack() as hang:
        for number in range(UNPROVEN_MAX):
            name = f"hangs {number}"
            await hang.enter_async_context(world.slots.slot(name, name, name, proven=False))
        world.offer(world.lane(LaneKey("198.51.100.7", RECEIVER)), 101)
        world.offer(world.lane(), 2)
        await world.time.pass_by(9)
        sent = list(world.sent)
    await world.time.pass_by(9)

    assert sent == [1, 2]
    assert world.sent == [1, 2, 101]
    world.assert_nothing_is_held()


async def test_a_lane_that_did_not_answer_promptly_has_to_prove_itself_after_it_was_closed_too() -> None:
    world = World()
    for position, answer in enumerate((OK, NOBODY), start=1):
        world.far.answer = lambda _number, answer=answer: answer  # type: ignore[misc]
        lane = world.lane()
        world.offer(lane, position)
        await world.time.pass_by(1)
        await lane.close()

    assert LANE not in world.parts.proven


def test_a_bounded_number_of_proven_lanes_is_remembered_those_that_answered_last() -> None:
    proven = ProvenLanes()
    proven.judge(LANE, prompt=True)
    for number in range(PROVEN_MAX - 1):
        proven.judge(LaneKey(str(number), RECEIVER), prompt=True)
    proven.judge(LANE, prompt=True)
    proven.judge(LaneKey("one more", RECEIVER), prompt=True)

    assert LANE in proven
    assert LaneKey("0", RECEIVER) not in proven
    assert len(proven) == PROVEN_MAX


async def test_a_lane_that_is_offered_something_while_it_ends_goes_on() -> None:
    world = World()
    lane = world.lane()
    for position in range(1, 30):
        world.offer(lane, position)
        await asyncio.sleep(0)
    for _ in range(20):
        await world.time.settle()

    assert world.sent == list(range(1, 30))
