"""A lane finds in the table what it could not keep in memory, once and in order."""

import asyncio

from src.services.delivery.lane_queue import LANE_CALLBACKS_MAX, LaneQueue
from src.services.requests.records import OwedCallback
from tests.support.lanes import owed


class Table:
    """What is owed: a stand-in for the database that answers late."""

    def __init__(self) -> None:
        self.owed: dict[int, OwedCallback] = {}
        self.queue = LaneQueue(self.load)
        self.sent: list[int] = []

    def offer(self, *positions: int) -> None:
        self.add(*positions)
        for position in positions:
            self.queue.offer(self.owed[position])

    def add(self, *positions: int) -> None:
        self.owed.update({position: owed(position) for position in positions})

    async def load(self, limit: int) -> list[OwedCallback]:
        found = [self.owed[position] for position in sorted(self.owed)][:limit]
        await asyncio.sleep(0)
        return found

    async def send_all(self) -> None:
        while callback := await self.queue.next():
            self.sent.append(callback.queue_position)
            self.owed.pop(callback.queue_position)


async def test_callbacks_come_in_the_order_they_were_offered() -> None:
    table = Table()
    table.offer(*range(1, 21))
    await table.send_all()

    assert table.sent == list(range(1, 21))


async def test_more_than_memory_holds_is_read_from_the_table_in_order_and_once() -> None:
    table = Table()
    count = 3 * LANE_CALLBACKS_MAX + 7
    table.offer(*range(1, count + 1))
    assert len(table.queue) <= LANE_CALLBACKS_MAX
    await table.send_all()

    assert table.sent == list(range(1, count + 1))


async def test_what_is_offered_while_the_table_is_read_comes_once_and_in_order() -> None:
    table = Table()
    table.add(1, 2, 3)
    table.queue.mark_behind()
    sending = asyncio.create_task(table.send_all())
    for position in range(4, 40):
        table.offer(position)
        await asyncio.sleep(0)
    await sending
    await table.send_all()

    assert table.sent == list(range(1, 40))


async def test_an_old_callback_that_is_owed_again_is_found() -> None:
    table = Table()
    table.offer(5)
    await table.send_all()
    table.add(2)
    table.queue.mark_behind()
    await table.send_all()

    assert table.sent == [5, 2]


async def test_after_a_fault_the_head_is_read_anew() -> None:
    table = Table()
    table.offer(1, 2, 3)
    assert (await table.queue.next()) == table.owed[1]  # and then something fails
    table.queue.reset()
    await table.send_all()

    assert table.sent == [1, 2, 3]
