"""One callback of a lane: tried when it is due, in a slot of its own kind, and recorded whatever comes of it."""

from contextlib import AsyncExitStack
from datetime import timedelta

from src.services.delivery.concurrency import UNPROVEN_MAX
from src.services.delivery.lane import DeliveryLane
from src.services.requests.records import LaneKey
from tests.support.jobs import LANE
from tests.support.lanes import FAULT, NOBODY, OK, RECEIVER, World


def told(lane: DeliveryLane) -> str | None:
    """What a lane says of itself now."""
    return lane.trouble


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


async def test_what_is_owed_for_too_long_is_given_up_in_a_paused_lane_too() -> None:
    world = World()
    world.far.answer = lambda _number: FAULT
    world.offer(world.lane(), *range(1, 8))
    await world.time.pass_by(25 * 3600)
    lane = world.lane()
    lane.recheck()
    await world.time.pass_by(1)

    assert [attempt.error_code for attempt in world.table.attempts[-2:]] == ["expired"] * 2
    assert world.table.owed_callbacks == {}
    world.assert_nothing_is_held()


async def test_while_a_record_cannot_be_written_the_lane_says_so_and_does_not_send_again() -> None:
    world = World()
    lane = world.lane()
    world.table.faults["record_attempts"] = [RuntimeError("disk full")] * 1_000
    world.offer(lane, 1, 2, 3)
    await world.time.pass_by(60)

    assert told(lane) == "Internal error: RuntimeError."
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
    assert told(lane) == "Internal error: RuntimeError."
    await world.time.pass_by(10)

    assert world.sent == [1, 2]
    assert told(lane) is None
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
