"""Long polling: HTTP calls that wait for a request to end."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from src.models.request_model import ENDED
from src.services.requests.observers import Observers

#: Requests per query, with their results.
READ_AT_ONCE = 200

Waiter = asyncio.Future[Row[Any] | None]


class Completions:
    """Wakes calls that wait for a request when it has ended or was deleted. Belongs to the server's loop.

    Requests that may have ended are read once for all waiters. Notifications come from this process right after its
    COMMIT, and from others through the change listener; after a gap all awaited requests are read again.

    Args:
        read: reads requests by id; deleted ones are missing.
        waiters_max: maximum number of waiting calls.
        of_one_caller_max: the same, per caller.
    """

    def __init__(
        self,
        read: Callable[[Sequence[UUID]], Awaitable[Sequence[Row[Any]]]],
        waiters_max: int,
        of_one_caller_max: int,
    ) -> None:
        self._read = read
        self._waiters_max = waiters_max
        self._of_one_caller_max = of_one_caller_max
        self._loop = asyncio.get_running_loop()
        self._places: Counter[str] = Counter()
        self._waiting: dict[UUID, set[Waiter]] = {}
        self._to_read: dict[UUID, None] = {}
        self._asked = asyncio.Event()
        self._is_closed = False

    @property
    def places_taken(self) -> int:
        """Number of calls that hold a place."""
        return self._places.total()

    @property
    def waited_for(self) -> int:
        """Number of requests that are being waited for."""
        return len(self._waiting)

    @contextmanager
    def place(self, caller: str) -> Iterator[bool]:
        """Hold a place for a call that will wait; yields whether there was one."""
        full = self.places_taken >= self._waiters_max or self._places[caller] >= self._of_one_caller_max
        if full or self._is_closed:
            yield False
            return
        self._places[caller] += 1
        try:
            yield True
        finally:
            self._places[caller] -= 1
            if not self._places[caller]:
                del self._places[caller]

    async def ended(self, request_id: UUID, within_s: float) -> Row[Any] | None:
        """Wait until a request has ended, up to `within_s` seconds.

        Returns:
            The request; None if it has not ended, or was deleted.
        """
        if self._is_closed:
            return None
        waiter: Waiter = self._loop.create_future()
        self._waiting.setdefault(request_id, set()).add(waiter)
        self._may_have_ended([request_id])  # it may have ended before this call
        try:
            async with asyncio.timeout(within_s):
                return await waiter
        except TimeoutError:
            return None
        finally:
            waiters = self._waiting.get(request_id, set())
            waiters.discard(waiter)
            if not waiters:
                self._waiting.pop(request_id, None)

    def observers(self) -> Observers:
        """Return observers of what this process ends and deletes; thread-safe."""
        return Observers(
            ended=lambda ended: self._hear([one.request_id for one in ended]),
            deleted=self._hear,
        )

    def _hear(self, request_ids: Collection[UUID]) -> None:
        # Waking the loop costs a system call: only if a request is being waited for.
        if any(request_id in self._waiting for request_id in request_ids):
            self._loop.call_soon_threadsafe(self._may_have_ended, request_ids)

    def tell(self, request_ids: Collection[UUID]) -> None:
        """Notify that requests changed."""
        self._may_have_ended(request_ids)

    def tell_of_a_gap(self) -> None:
        """Notify that changes may have been missed."""
        self._may_have_ended(list(self._waiting))

    def _may_have_ended(self, request_ids: Collection[UUID]) -> None:
        if wanted := [request_id for request_id in request_ids if request_id in self._waiting]:
            self._to_read.update(dict.fromkeys(wanted))
            self._asked.set()

    async def run(self) -> None:
        """Read requests that may have ended, and wake their waiters.

        Raises:
            DatabaseAway: they could not be read; call again.
        """
        while True:
            await self._asked.wait()
            self._asked.clear()
            asked, self._to_read = list(self._to_read), {}
            for at in range(0, len(asked), READ_AT_ONCE):
                request_ids = [one for one in asked[at : at + READ_AT_ONCE] if one in self._waiting]
                try:
                    rows = {row.id: row for row in await self._read(request_ids)}
                except BaseException:
                    self._may_have_ended(asked[at:])
                    raise
                for request_id in request_ids:
                    row = rows.get(request_id)
                    if row is None or row.status in ENDED:
                        self._wake(request_id, row)

    def _wake(self, request_id: UUID, row: Row[Any] | None) -> None:
        for waiter in self._waiting.pop(request_id, ()):
            if not waiter.done():
                waiter.set_result(row)

    def close(self) -> None:
        """End all waits, as if they had timed out: the server is stopping."""
        self._is_closed = True
        for request_id in list(self._waiting):
            self._wake(request_id, None)
