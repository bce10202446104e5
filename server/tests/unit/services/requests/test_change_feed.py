"""News of commits arrives whole, together, and in notices that fit."""

import asyncio
from uuid import UUID

import pytest

from src.errors import DatabaseAway
from src.services.requests.changes import CHANGES_IN_ONE_NOTICE_MAX, ChangeNotifier, Changes
from tests.support.waiting import eventually

IDS = [UUID(int=number) for number in range(1_000)]


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


def test_deleted_requests_keep_their_account_and_the_longest_name_fits() -> None:
    changes = Changes()
    changes.deleted.update(dict.fromkeys(IDS[:500], '"' * 100))
    changes.deleted.update({IDS[500]: "acme", IDS[501]: None})
    heard = Changes()
    for notice in changes.notices():
        assert len(notice.encode()) < 8_000
        heard.add_notice(notice)

    assert heard.deleted == changes.deleted


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


def test_batches_that_were_not_told_yet_become_one() -> None:
    first, second = Changes(), Changes()
    first.updated.update(dict.fromkeys(IDS[:3]))
    second.updated.update(dict.fromkeys(IDS[1:4]))
    second.deleted[IDS[9]] = None
    second.attempts[IDS[1], 2] = None
    second.receivers["http://receiver.example"] = None
    first.add(second)

    assert (list(first.updated), list(first.deleted)) == (IDS[:4], [IDS[9]])
    assert (list(first.attempts), list(first.receivers)) == ([(IDS[1], 2)], ["http://receiver.example"])
    assert len(first) == 6


async def test_changes_that_could_not_be_announced_are_announced_later() -> None:
    announced: list[str] = []
    away = True

    async def announce(notices: list[str]) -> None:
        if away:
            raise DatabaseAway("It does not answer.")
        announced.extend(notices)

    notifier = ChangeNotifier(announce)
    notifier.updated(IDS[:1])
    with pytest.raises(DatabaseAway):
        await notifier.run()
    away = False
    notifier.deleted(dict.fromkeys(IDS[1:2]))
    running = asyncio.create_task(notifier.run())
    await eventually(lambda: bool(announced))
    running.cancel()
    heard = Changes()
    heard.add_notice(announced[0])

    assert (list(heard.updated), list(heard.deleted)) == (IDS[:1], IDS[1:2])
