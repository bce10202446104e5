"""Everybody who watches gets the same; who is too slow is told to read again."""

import asyncio
from uuid import UUID

from src.services.change_feed import CHANGES_IN_ONE_NOTICE_MAX, ChangeNotifier, Changes
from src.services.event_bus import BEHIND_MAX, RESYNC, Event, EventBus
from tests.support.waiting import eventually

IDS = [UUID(int=number) for number in range(1_000)]


def test_every_watcher_gets_every_event_in_order() -> None:
    bus = EventBus()
    events = [Event("test", number) for number in range(3)]
    with bus.watching("caller") as one, bus.watching("caller") as other:
        for event in events:
            bus.publish(event)

        assert [one.get_nowait() for _ in events] == events
        assert [other.get_nowait() for _ in events] == events


def test_a_watcher_that_falls_behind_is_told_to_read_again_and_disturbs_nobody() -> None:
    bus = EventBus()
    with bus.watching("caller") as slow, bus.watching("caller") as quick:
        for number in range(BEHIND_MAX + 1):
            bus.publish(Event("test", number))
            quick.get_nowait()

        assert slow.qsize() == 1
        assert slow.get_nowait() is RESYNC


def test_who_has_left_is_forgotten() -> None:
    bus = EventBus()
    with bus.watching("caller"):
        assert bus.watched

    assert not bus.watched


def test_changes_survive_the_way_through_notices_that_fit() -> None:
    changes = Changes()
    changes.updated.update(dict.fromkeys(IDS))
    changes.deleted.update(dict.fromkeys(IDS[:2]))
    changes.attempts.update(dict.fromkeys((request_id, 4) for request_id in IDS[:3]))
    heard = Changes()
    for notice in changes.notices():
        assert len(notice.encode()) < 8_000
        heard.add_notice(notice)

    assert heard == changes
    assert len(changes.notices()) == 1 + 1_005 // CHANGES_IN_ONE_NOTICE_MAX


async def test_changes_of_many_threads_are_announced_together() -> None:
    announced: list[str] = []

    async def announce(notices: list[str]) -> None:
        announced.extend(notices)

    notifier = ChangeNotifier(announce)
    running = asyncio.create_task(notifier.run())
    await asyncio.gather(*(asyncio.to_thread(notifier.updated, IDS[at : at + 10]) for at in range(0, 100, 10)))
    await asyncio.to_thread(notifier.attempted, [(IDS[5], 1)])
    heard = Changes()

    def everything() -> bool:
        while announced:
            heard.add_notice(announced.pop())
        return len(heard.updated) == 100 and bool(heard.attempts)

    await eventually(everything)
    running.cancel()

    assert set(heard.updated) == set(IDS[:100])
