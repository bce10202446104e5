"""Pauses hold lanes and receivers, one lane probes at a time, and what others change is found."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from src.services.delivery.agenda import AGENDA_MAX, Agenda
from src.services.delivery.decision import PROBE_WAIT_MAX_S
from src.services.delivery.pauses import NOT_HELD, STREAKS_MAX, UNUSED_AFTER, Pauses, Streaks
from src.services.requests.records import LaneKey, Pause
from tests.support.jobs import LANE
from tests.support.lanes import RECEIVER, START, World

OTHER = LaneKey("198.51.100.7", RECEIVER)
ELSEWHERE = LaneKey(LANE.caller, "http://127.0.0.1:9002")


def pause(key: LaneKey, in_s: float = 30) -> Pause:
    return Pause(
        caller=key.caller,
        receiver=key.receiver,
        paused_at=START,
        reason="x",
        probes=0,
        next_probe_at=START + timedelta(seconds=in_s),
    )


EVERYBODY = LaneKey("", RECEIVER)


async def test_a_lane_is_held_by_its_own_pause_and_by_that_of_its_receiver() -> None:
    world = World()
    pauses = world.pauses
    assert pauses.of(LANE) is NOT_HELD
    pauses.begin(pause(LANE))
    assert pauses.blocks(LANE)
    assert not pauses.blocks(OTHER)
    pauses.begin(pause(EVERYBODY, 60))

    assert pauses.blocks(OTHER)
    assert not pauses.blocks(ELSEWHERE)
    blocked = pauses.blocks(LANE)
    assert blocked is not None
    assert blocked.until == START + timedelta(seconds=60)


async def test_of_all_lanes_to_a_receiver_one_probes_at_a_time() -> None:
    world = World()
    world.pauses.begin(pause(EVERYBODY))
    await world.time.pass_by(31)
    assert not world.pauses.blocks(LANE)
    held = world.pauses.probe(LANE)
    assert world.pauses.blocks(OTHER)
    world.pauses.release(held)

    assert not world.pauses.blocks(OTHER)
    assert world.pauses._probed == set()


async def test_what_somebody_else_ended_or_hurried_is_found() -> None:
    world = World()
    for key in (LANE, OTHER, EVERYBODY):
        await world.pauses.save(world.pauses.begin(pause(key)))
    del world.table.paused[LANE]
    world.table.paused[OTHER] = pause(OTHER, 0)
    await world.pauses.read_again([RECEIVER])

    assert world.pauses.of(LANE).lane is None
    assert world.pauses.of(LANE).receiver == pause(EVERYBODY)
    assert world.pauses.of(OTHER).lane == pause(OTHER, 0)


async def test_a_pause_that_is_not_saved_yet_is_not_taken_for_ended() -> None:
    world = World()
    world.pauses.begin(pause(LANE))

    async def read_while_it_begins(receivers: Collection[str]) -> list[Pause]:
        world.pauses.begin(replace(pause(LANE, 60), probes=1))
        return []

    world.table.pauses_of = read_while_it_begins  # type: ignore[method-assign]
    await world.pauses.read_again([RECEIVER])

    assert world.pauses.of(LANE).lane == replace(pause(LANE, 60), probes=1)


async def test_after_a_restart_everything_is_as_it_was_and_no_wait_is_longer_than_anybody_decides_on() -> None:
    world = World()
    for key, in_s in ((LANE, 30.0), (EVERYBODY, 9_999.0)):
        await world.pauses.save(pause(key, in_s))
    restarted = Pauses(world.store, world.now)
    await restarted.load()

    assert restarted.of(LANE).lane == pause(LANE)
    assert restarted.of(OTHER).receiver == pause(EVERYBODY, PROBE_WAIT_MAX_S)


async def test_a_receivers_pause_that_nobody_probes_is_named() -> None:
    world = World()
    world.pauses.begin(pause(EVERYBODY))
    world.pauses.begin(pause(LANE))
    await world.time.pass_by(UNUSED_AFTER.total_seconds())
    assert world.pauses.unused() == []
    await world.time.pass_by(31)

    assert world.pauses.unused() == [pause(EVERYBODY)]


def test_failures_in_a_row_are_counted_by_name_and_a_bounded_number_is_remembered() -> None:
    streaks = Streaks()
    streaks.add(LANE)
    streaks.add(LANE)
    assert (streaks[LANE], streaks[OTHER]) == (2, 0)
    streaks.end(LANE)
    assert streaks[LANE] == 0
    for number in range(STREAKS_MAX + 10):
        streaks.add(LaneKey(str(number), RECEIVER))

    assert len(streaks._counts) == STREAKS_MAX
    assert streaks[LaneKey("0", RECEIVER)] == 0


def test_the_agenda_names_each_lane_once_and_the_earliest_first() -> None:
    agenda = Agenda(lambda: None)
    agenda.add(LANE, START + timedelta(seconds=5))
    agenda.add(LANE, START + timedelta(seconds=9))
    agenda.add(OTHER, START + timedelta(seconds=7))
    agenda.add(OTHER, START + timedelta(seconds=3))
    assert agenda.next_at() == START + timedelta(seconds=3)
    assert agenda.take_due(START + timedelta(seconds=2)) == []

    assert agenda.take_due(START + timedelta(seconds=8)) == [OTHER, LANE]
    assert (agenda.next_at(), len(agenda)) == (None, 0)


def test_the_agenda_tells_when_something_is_due_before_everything_else() -> None:
    told: list[LaneKey] = []
    agenda = Agenda(lambda: told.append(LANE))
    for in_s in (5, 9, 3):
        agenda.add(LaneKey(str(in_s), RECEIVER), START + timedelta(seconds=in_s))

    assert len(told) == 2


def test_lanes_of_a_receiver_can_be_taken_from_the_agenda_at_once() -> None:
    agenda = Agenda(lambda: None)
    for key in (LANE, OTHER, ELSEWHERE):
        agenda.add(key, START + timedelta(hours=1))

    assert agenda.take_receivers([RECEIVER]) == [LANE, OTHER]
    assert list(agenda) == [ELSEWHERE]


def test_the_agenda_is_bounded() -> None:
    agenda = Agenda(lambda: None)
    for number in range(AGENDA_MAX + 10):
        agenda.add(LaneKey(str(number), RECEIVER), START)

    assert len(agenda) == len(agenda._heap) == AGENDA_MAX
