"""Once a cancel was answered no attempt of its callback begins, whatever the lane waits for."""

from datetime import timedelta
from uuid import UUID

from src.services.delivery.cancellations import SEEN_OWED_FOR, Cancellations
from src.services.delivery.concurrency import UNPROVEN_MAX
from tests.support.lanes import FAULT, OK, START, World, owed


def cancel(world: World, position: int, *, told: bool = True) -> None:
    """Cancel a callback, as the row says it; the process that delivers is told, or finds it in the row."""
    del world.table.owed_callbacks[UUID(int=position)]
    if told:
        world.parts.cancellations.add([UUID(int=position)])


async def test_a_callback_that_waits_for_its_retry_is_let_go_and_the_next_follows_at_once() -> None:
    world = World()
    lane = world.lane()
    world.far.answer = lambda number: FAULT if number < 1 else OK
    world.offer(lane, 1, 2)
    await world.time.pass_by(0.5)
    cancel(world, 1)
    lane.delivery.look_at_cancellations()
    await world.time.pass_by(0.1)

    assert world.sent == [1, 2]
    world.assert_nothing_is_held()


async def test_a_callback_that_waits_for_a_slot_is_not_sent_when_it_gets_one() -> None:
    world = World()
    lane = world.lane()
    slots = [world.slots.slot(f"c{n}", f"r{n}", f"a{n}", proven=False) for n in range(UNPROVEN_MAX)]
    for slot in slots:
        await slot.__aenter__()
    world.offer(lane, 1, 2)
    await world.time.pass_by(0.2)
    cancel(world, 1)
    for slot in slots:
        await slot.__aexit__(None, None, None)
    await world.time.pass_by(0.1)

    assert world.sent == [2]
    world.assert_nothing_is_held()


async def test_a_process_that_is_not_told_looks_at_the_row_before_each_attempt_that_begins_later() -> None:
    world = World()
    lane = world.lane()
    world.far.took_s = SEEN_OWED_FOR.total_seconds()
    world.offer(lane, 1, 2, 3)
    await world.time.settle()
    cancel(world, 2, told=False)
    await world.time.pass_by(5)

    assert world.sent == [1, 3]
    world.assert_nothing_is_held()


async def test_an_attempt_that_is_under_way_ends_and_is_recorded() -> None:
    world = World()
    lane = world.lane()
    world.far.took_s = 2
    world.offer(lane, 1)
    await world.time.pass_by(1)
    cancel(world, 1)
    lane.delivery.look_at_cancellations()
    await world.time.pass_by(5)

    assert world.sent == [1]
    world.assert_nothing_is_held()


def test_a_callback_that_was_seen_to_be_owed_after_its_cancel_may_be_sent() -> None:
    now = START
    cancellations = Cancellations(lambda: now)
    cancellations.add([UUID(int=1)])

    assert owed(1, since=START - timedelta(seconds=5)) in cancellations
    assert owed(1, since=START + timedelta(microseconds=1)) not in cancellations
    assert owed(2) not in cancellations


def test_what_was_cancelled_long_ago_is_forgotten() -> None:
    now = START
    cancellations = Cancellations(lambda: now)
    for number in range(10_000):
        now += timedelta(milliseconds=1)
        cancellations.add([UUID(int=number)])

    assert len(cancellations._at) <= 2_002
