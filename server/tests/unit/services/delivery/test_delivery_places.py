"""Places among lanes in memory are shared between callers, and taken in turns."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from src.services.delivery.lane import DeliveryLane
from src.services.delivery.places import TURN, LanePlaces
from src.services.requests.records import LaneKey

START = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass
class Lane:
    """A lane that waits, unless a test says otherwise."""

    key: LaneKey
    busy: bool = True
    may_leave: bool = True


class Places:
    def __init__(self, places_max: int) -> None:
        self.now = START
        self.places = LanePlaces(lambda: self.now, places_max)

    def ask(self, caller: str, receiver: str = "r", *, busy: bool = True, may_leave: bool = True) -> str:
        """Ask for a place; tells who had to leave for it, or that there is none."""
        key = LaneKey(caller, receiver)
        has_room, leaving = self.places.make_room(key)
        if leaving is not None:
            self.places.leave(leaving.key)
        if has_room:
            self.places.take(key, cast("DeliveryLane", Lane(key, busy, may_leave)))
        return f"{leaving.key.caller}/{leaving.key.receiver}" if leaving else "free" if has_room else "none"


def test_a_caller_with_a_thousand_lanes_makes_room_for_one_with_none_at_once() -> None:
    places = Places(1_000)
    for number in range(1_000):
        assert places.ask("attacker", str(number)) == "free"

    assert places.ask("other") == "attacker/0"
    assert len(places.places) == 1_000


def test_what_sends_is_not_moved_out() -> None:
    places = Places(3)
    places.ask("a", "1", may_leave=False)
    places.ask("a", "2", may_leave=False)
    places.ask("a", "3")

    assert places.ask("b") == "a/3"
    assert places.ask("c") == "none"


def test_between_callers_with_as_many_lanes_a_turn_lasts_a_while() -> None:
    places = Places(2)
    places.ask("a")
    places.ask("b")
    assert places.ask("c") == "none"
    assert places.places.waiting == 1
    places.now += TURN + timedelta(seconds=1)

    assert places.ask("c") == "a/r"
    assert places.places.waiting == 0


def test_a_caller_who_has_all_places_takes_turns_with_himself() -> None:
    places = Places(2)
    for number in range(4):
        places.ask("a", str(number))
    assert places.places.waiting == 2
    places.now += TURN + timedelta(seconds=1)

    assert [places.ask("a", "2"), places.ask("a", "3")] == ["a/0", "a/1"]


def test_a_lane_without_work_leaves_first() -> None:
    places = Places(2)
    places.ask("a", "1")
    places.ask("b", "1", busy=False)

    assert places.ask("a", "2") == "b/1"


def test_an_idle_lane_of_a_caller_with_fewer_places_stays_whoever_asks() -> None:
    places = Places(7)
    for number in range(6):
        places.ask(f"attacker {number % 2}", str(number))
    places.ask("victim", busy=False)

    assert {places.ask(f"attacker {number % 2}", str(number)) for number in range(6, 50)} == {"none"}
    assert places.places.get(LaneKey("victim", "r")) is not None


def test_an_idle_lane_of_the_greediest_leaves_first() -> None:
    places = Places(5)
    places.ask("some", "1", busy=False)
    places.ask("some", "2", busy=False)
    for number in range(3):
        places.ask("many", str(number), busy=number != 1)

    assert places.ask("some", "3") == "many/1"


def test_where_the_greediest_cannot_leave_the_next_one_makes_room() -> None:
    places = Places(5)
    for number in range(3):
        places.ask("sends", str(number), may_leave=False)
    places.ask("waits", "1")
    places.ask("waits", "2")

    assert places.ask("newcomer") == "waits/1"


def test_who_waits_is_named_in_turns_the_caller_with_fewest_places_first() -> None:
    places = Places(2)
    places.ask("a", "1", may_leave=False)
    places.ask("a", "2", may_leave=False)
    for number in range(3, 50):
        places.ask("a", str(number))
    places.ask("b")

    assert places.places.next_waiting() == LaneKey("b", "r")
    places.places.stop_waiting(LaneKey("b", "r"))
    assert places.places.next_waiting() == LaneKey("a", "3")


def test_when_all_have_left_nothing_is_remembered() -> None:
    places = Places(50)
    keys = [LaneKey(str(number % 7), str(number)) for number in range(200)]
    for key in keys:
        places.ask(key.caller, key.receiver)
        places.now += timedelta(seconds=1)
    for key in keys:
        places.places.leave(key)
        places.places.stop_waiting(key)

    assert len(places.places) == places.places.waiting == 0
    assert (places.places._by_caller, places.places._waiting) == ({}, {})
