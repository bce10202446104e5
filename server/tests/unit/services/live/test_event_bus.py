"""Everybody who watches gets the same; who is too slow is told to read again; places are given back."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from src.services.live.event_bus import (
    BEHIND_BYTES_MAX,
    CROWDED_FROM,
    HANDS_OUT_FOR_S,
    WATCHERS_MAX,
    WATCHERS_OF_ONE_CALLER_MAX,
    WATCHERS_OF_ONE_CALLER_MAX_IN_A_CROWD,
    EventBus,
    Watcher,
)
from src.services.live.frames import Event, Frame


def hello(spread_s: float) -> Event:
    return Event("hello", {"spread_s": spread_s})


async def taken(watcher: Watcher, count: int) -> list[Frame]:
    """Take so many frames, which are there already, and see that no more wait."""
    async with asyncio.timeout(1):
        frames = [await watcher.next() for _ in range(count)]
    more = asyncio.create_task(watcher.next())
    await asyncio.sleep(0)
    assert not more.done(), more
    more.cancel()
    await asyncio.gather(more, return_exceptions=True)
    return frames


def read(frames: list[Frame]) -> list[tuple[str, int, Any]]:
    messages = [json.loads(frame.text) for frame in frames]
    return [(message["type"], message["seq"], message["data"]) for message in messages]


class Turns:
    """Counts the turns that others get, and does something in them."""

    def __init__(self, do: Callable[[], object] = lambda: None) -> None:
        self._do = do
        self.count = 0

    async def __call__(self, _seconds: float) -> None:
        self.count += 1
        self._do()


class Clock:
    """A clock on which each look takes so long: as long as handing a frame to one watcher does."""

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += self._look_s
        return self._now_s


class Socket:
    """What a socket was sent at once, while it takes something."""

    def __init__(self) -> None:
        self.sent: list[Frame] = []
        self.takes = True

    def send_now(self, frame: Frame) -> bool:
        if self.takes:
            self.sent.append(frame)
        return self.takes


async def hand_out(bus: EventBus, *data: object) -> None:
    for each in data:
        await bus.hand_out(Event("test", each))


def watch(stack: ExitStack, bus: EventBus, watchers: int) -> None:
    for _ in range(watchers):
        stack.enter_context(bus.watching(hello))


def fill(stack: ExitStack, bus: EventBus, callers: Iterator[str], places: int) -> None:
    for _ in range(places):
        stack.enter_context(bus.place(next(callers)))


def enter_if_not_full(stack: ExitStack, bus: EventBus, caller: str) -> bool:
    is_full = bus.is_full_for(caller)
    if not is_full:
        stack.enter_context(bus.place(caller))
    return not is_full


async def test_every_watcher_gets_the_very_same_frames_in_order() -> None:
    bus = EventBus()
    with bus.watching(hello) as one, bus.watching(hello) as other:
        await hand_out(bus, "a", "b")
        of_one, of_other = await taken(one, 3), await taken(other, 3)

    assert [data for _, _, data in read(of_one[1:])] == ["a", "b"]
    assert all(frame is same for frame, same in zip(of_one[1:], of_other[1:], strict=True))


async def test_numbers_are_those_of_the_stream_and_grow_by_one_from_the_greeting_on() -> None:
    bus = EventBus()
    with bus.watching(hello) as early:
        await hand_out(bus, "a")
        with bus.watching(hello) as late:
            await hand_out(bus, "b", "c")
            of_early, of_late = read(await taken(early, 4)), read(await taken(late, 3))

    assert [seq for _, seq, _ in of_early] == [1, 2, 3, 4]
    assert [(kind, seq) for kind, seq, _ in of_late] == [("hello", 2), ("test", 3), ("test", 4)]


async def test_a_watcher_that_falls_behind_is_told_to_read_again_and_disturbs_nobody() -> None:
    bus = EventBus()
    large = "x" * (BEHIND_BYTES_MAX // 2)
    with bus.watching(hello) as slow, bus.watching(hello) as quick:
        seen = read(await taken(quick, 1))
        for _ in range(5):
            await hand_out(bus, large)
            seen += read(await taken(quick, 1))
        of_slow = read(await taken(slow, 1))
        await hand_out(bus, "after")
        then = read(await taken(slow, 1))

    assert [(kind, seq) for kind, seq, _ in seen] == [("hello", 1), *(("test", seq) for seq in range(2, 7))]
    assert [(kind, seq) for kind, seq, _ in of_slow] == [("resync", 6)]
    assert [(kind, seq) for kind, seq, _ in then] == [("test", 7)]


async def test_a_frame_is_handed_over_however_large_it_is() -> None:
    bus = EventBus()
    with bus.watching(hello) as watcher:
        await taken(watcher, 1)
        await hand_out(bus, "x" * 2 * BEHIND_BYTES_MAX)

        assert [kind for kind, _, _ in read(await taken(watcher, 1))] == ["test"]


async def test_others_get_turns_whenever_handing_out_has_taken_as_long_as_it_may() -> None:
    turns = Turns()
    bus = EventBus(pause=turns, clock=Clock(HANDS_OUT_FOR_S / 20))
    with ExitStack() as stack:
        watch(stack, bus, 200)
        await hand_out(bus, 1)

    assert 8 <= turns.count <= 11


async def test_a_frame_that_finds_the_sender_idle_is_sent_at_once_and_none_overtakes_another() -> None:
    bus, socket = EventBus(), Socket()
    with bus.watching(hello, socket.send_now) as watcher:
        await hand_out(bus, "before anybody waits")
        waited = await taken(watcher, 2)
        taking = asyncio.create_task(watcher.next())
        await asyncio.sleep(0)
        await hand_out(bus, "a", "b")
        at_once = list(socket.sent)
        socket.takes = False
        await hand_out(bus, "c")
        socket.takes = True
        await hand_out(bus, "d")  # "c" is in the sender's hands, and comes first
        waited += [await taking, await watcher.next()]

    assert [data for _, _, data in read(at_once)] == ["a", "b"]
    assert [data for _, _, data in read(waited)][1:] == ["before anybody waits", "c", "d"]
    assert socket.sent == at_once


async def test_who_comes_while_a_frame_is_handed_out_begins_behind_it() -> None:
    newcomers: list[Watcher] = []
    turns = Turns(lambda: newcomers.append(stack.enter_context(bus.watching(hello))))
    bus = EventBus(pause=turns, clock=Clock(HANDS_OUT_FOR_S))
    with ExitStack() as stack:
        watch(stack, bus, 1)
        await hand_out(bus, "a", "b")
        [greeting, following] = read(await taken(newcomers[0], 2))

    assert greeting[:2] == ("hello", 2)
    assert following == ("test", 3, "b")


async def test_a_watcher_that_waits_is_woken_by_a_frame() -> None:
    bus = EventBus()
    with bus.watching(hello) as watcher:
        await taken(watcher, 1)
        woken = asyncio.create_task(watcher.next())
        await asyncio.sleep(0)
        await hand_out(bus, "a")

        assert read([await woken]) == [("test", 2, "a")]


def test_nothing_is_kept_for_nobody() -> None:
    bus = EventBus()
    bus.publish(Event("test", 1))
    with bus.watching(hello):
        assert bus.watched
        assert bus.take_published() == []
        bus.publish(Event("test", 2))

        assert [event.data for event in bus.take_published()] == [2]
    assert not bus.watched


async def test_the_time_to_read_again_grows_with_those_who_must() -> None:
    bus = EventBus(pause=Turns())
    with bus.watching(hello) as first, ExitStack() as stack:
        watch(stack, bus, 999)
        await bus.hand_out(bus.resync())
        greeting, resync = read(await taken(first, 2))

    assert greeting[2]["spread_s"] < 0.1
    assert resync[2]["spread_s"] > 10


def test_one_caller_cannot_take_all_places() -> None:
    bus = EventBus()
    with ExitStack() as stack:
        fill(stack, bus, iter(["greedy"] * WATCHERS_OF_ONE_CALLER_MAX), WATCHERS_OF_ONE_CALLER_MAX)

        assert bus.is_full_for("greedy")
        assert not bus.is_full_for("somebody else")
    assert not bus.is_full_for("greedy")


def test_callers_that_take_all_they_may_leave_places_for_those_who_come_anew() -> None:
    bus = EventBus()
    with ExitStack() as stack:
        for number in range(40 * WATCHERS_OF_ONE_CALLER_MAX):
            enter_if_not_full(stack, bus, f"greedy {number // WATCHERS_OF_ONE_CALLER_MAX}")
        places_left = [enter_if_not_full(stack, bus, f"newcomer {number}") for number in range(WATCHERS_MAX)]

        assert places_left.count(True) >= WATCHERS_MAX - CROWDED_FROM - 20 * WATCHERS_OF_ONE_CALLER_MAX_IN_A_CROWD > 150
        assert bus.is_full_for("anybody")
    assert not bus.is_full_for("anybody")


def test_in_a_crowd_a_caller_has_a_few_places() -> None:
    bus = EventBus()
    many = iter([f"caller {number}" for number in range(CROWDED_FROM)])
    few = WATCHERS_OF_ONE_CALLER_MAX_IN_A_CROWD
    with ExitStack() as stack:
        fill(stack, bus, many, CROWDED_FROM)
        fill(stack, bus, iter(["one"] * few), few)

        assert bus.is_full_for("one")
        assert not bus.is_full_for("another")


def test_a_place_is_given_back_whatever_ends_it() -> None:
    bus = EventBus()
    for error in (ConnectionResetError, asyncio.CancelledError):
        with pytest.raises(error), bus.place("caller"), bus.watching(hello):
            raise error

    assert not bus.watched
    with ExitStack() as stack:
        fill(stack, bus, iter(["caller"] * WATCHERS_OF_ONE_CALLER_MAX), WATCHERS_OF_ONE_CALLER_MAX)
