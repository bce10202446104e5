"""How batches stand is told to watchers, whatever number of batches changes."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from src.services.identity.caller import View
from src.services.live.batch_updates import CHANGED_MAX, TOLD_TOGETHER_MAX, BatchUpdates


class Told:
    """What was read and told."""

    def __init__(self) -> None:
        self.read: list[UUID] = []
        self.gaps = 0
        self.pauses = 0
        self.enough = asyncio.Event()

    async def some(self, _view: View, batch_ids: Sequence[UUID]) -> Sequence[Any]:
        self.read += batch_ids
        return ()

    def gap(self) -> None:
        self.gaps += 1

    async def pause(self, _seconds: float) -> None:
        self.pauses += 1
        if self.pauses == 3:
            self.enough.set()
            await asyncio.Event().wait()

    def updates(self) -> BatchUpdates:
        return BatchUpdates(
            self.some, lambda: True, lambda _account, _event: None, str, tell_of_a_gap=self.gap, pause=self.pause
        )


async def rounds(told: Told, updates: BatchUpdates) -> None:
    running = asyncio.create_task(updates.run())
    await asyncio.wait([running, asyncio.create_task(told.enough.wait())], return_when=asyncio.FIRST_COMPLETED)
    running.cancel()


async def test_changed_batches_are_read_once_each_and_some_at_a_time() -> None:
    told, batch_ids = Told(), [uuid4() for _ in range(3 * TOLD_TOGETHER_MAX)]
    updates = told.updates()
    updates.tell(batch_ids)
    updates.tell(batch_ids[:5])
    await rounds(told, updates)

    assert told.read == batch_ids
    assert told.gaps == 0


async def test_when_too_many_have_changed_watchers_read_again_and_none_is_remembered() -> None:
    told = Told()
    updates = told.updates()
    updates.tell([uuid4() for _ in range(CHANGED_MAX + 1)])
    later = [uuid4() for _ in range(3 * TOLD_TOGETHER_MAX)]
    updates.tell(later)
    await rounds(told, updates)

    assert told.gaps == 1
    assert told.read == later
