"""A lane sends in order, one at a time, and finds in the table what it could not keep in memory."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from src.services.delivery_lane import LANE_CALLBACKS_MAX, DeliveryLane
from src.services.records import Finished, OwedCallback
from tests.support.waiting import eventually

RECEIVER = "http://receiver.test:80"


def owed(position: int) -> OwedCallback:
    request_id = UUID(int=position)
    finished = Finished(request_id=request_id, completed_at=datetime.now(UTC), result="{}")
    return OwedCallback(
        request_id=request_id,
        queue_position=position,
        callback_url=f"{RECEIVER}/x",
        receiver=RECEIVER,
        finished=finished,
    )


class Table:
    """What is owed, and what was sent: a stand-in for the database with the same rules."""

    def __init__(self) -> None:
        self.owed: dict[int, OwedCallback] = {}
        self.sent: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0

    def add(self, *positions: int) -> list[OwedCallback]:
        callbacks = [owed(position) for position in positions]
        self.owed.update({callback.queue_position: callback for callback in callbacks})
        return callbacks

    async def load(self, _receiver: str, limit: int) -> list[OwedCallback]:
        found = [self.owed[position] for position in sorted(self.owed)][:limit]
        await asyncio.sleep(0)
        return found

    async def deliver(self, callback: OwedCallback) -> None:
        self.under_way += 1
        assert self.under_way == 1
        await self.gate.wait()
        await asyncio.sleep(0)
        self.sent.append(callback.queue_position)
        self.owed.pop(callback.queue_position, None)
        self.under_way -= 1

    def lane(self) -> DeliveryLane:
        return DeliveryLane(RECEIVER, load=self.load, deliver=self.deliver)

    async def emptied(self) -> None:
        await eventually(lambda: not self.owed)


async def test_callbacks_are_sent_in_the_order_they_were_offered() -> None:
    table = Table()
    lane = table.lane()
    for callback in table.add(*range(1, 21)):
        lane.offer(callback)
    await table.emptied()

    assert table.sent == list(range(1, 21))


async def test_more_than_memory_holds_is_read_from_the_table_in_order_and_once() -> None:
    table = Table()
    table.gate.clear()
    lane = table.lane()
    count = 3 * LANE_CALLBACKS_MAX + 7
    for position in range(1, count + 1):
        lane.offer(table.add(position)[0])
        if position % 50 == 0:
            await asyncio.sleep(0)
    assert len(lane) <= LANE_CALLBACKS_MAX
    table.gate.set()
    await table.emptied()

    assert table.sent == list(range(1, count + 1))


async def test_what_is_offered_while_the_table_is_read_comes_once_and_in_order() -> None:
    table = Table()
    table.add(1, 2, 3)
    lane = table.lane()
    lane.look_again()
    for position in range(4, 40):
        lane.offer(table.add(position)[0])
        await asyncio.sleep(0)
    await table.emptied()

    assert table.sent == list(range(1, 40))


async def test_an_old_callback_that_is_owed_again_is_found() -> None:
    table = Table()
    lane = table.lane()
    lane.offer(table.add(5)[0])
    await table.emptied()
    table.add(2)
    lane.look_again()
    await table.emptied()

    assert table.sent == [5, 2]


async def test_a_stopped_lane_leaves_the_rest_in_the_table() -> None:
    table = Table()
    table.gate.clear()
    lane = table.lane()
    for callback in table.add(1, 2, 3):
        lane.offer(callback)
    await asyncio.sleep(0)
    await lane.stop()

    assert not lane.busy
    assert table.sent == []
    assert sorted(table.owed) == [1, 2, 3]
