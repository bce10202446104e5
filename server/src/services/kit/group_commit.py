"""Group commit: writes that arrive while a transaction is in flight share the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Item, Outcome]):
    """Passes items to `write` in batches, one batch at a time, in the order of submission.

    It never delays an item to fill a batch: a single item is written at once, and a commit is only shared by items
    that arrived during the previous one. Belongs to the event loop it is first used on.

    Args:
        write: stores the items in one transaction and returns one outcome for each, in the same order.
        items_max: maximum number of items per transaction.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]], *, items_max: int) -> None:
        self._write = write
        self._items_max = items_max
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Outcome:
        """Store one item; returns when its transaction has been committed.

        Raises:
            Exception: whatever `write` raised for this item. A caller that is cancelled does not undo the write.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        return await future

    async def drain(self) -> None:
        """Wait until every submitted item has been written or has failed."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    async def _write_all(self) -> None:
        # There must be no await between the last check of `_waiting` and `_writer = None`: an item submitted in that
        # gap would stay there until the next one.
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._items_max], self._waiting[self._items_max :]
                await self._write_batch(batch)
        finally:
            # Cancelled because the loop ends: nobody may be left waiting for ever.
            left, self._waiting, self._writer = self._waiting, [], None
            for _, future in left:
                future.cancel()

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._write([item for item, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        except Exception as error:  # noqa: BLE001  every failure is passed on to the submitters
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        finally:
            for _, future in batch:
                future.cancel()  # no effect on a future that is done
