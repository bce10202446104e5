"""One caller's callbacks to one receiver: sent one at a time, in order, while other lanes go on.

A lane owns all that belongs to it: the head of its queue, the delivery of what comes next, how it stands with its
receiver. What fails on our side is tried again: whatever happens in it, a lane goes on, and says meanwhile what its
trouble is.
"""

import asyncio
from collections.abc import Callable

from src.errors import LeadershipLost
from src.services.delivery.attempt_records import Persistence
from src.services.delivery.attempts import Connection
from src.services.delivery.callback_delivery import CallbackDelivery, LaneRests
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.lane_queue import LaneQueue
from src.services.delivery.lane_standing import LaneStanding
from src.services.kit.backoff import Backoff
from src.services.requests.records import LaneKey, OwedCallback


class DeliveryLane:
    """One lane. The table is its queue.

    Args:
        key: whose callbacks, and to whom.
        parts: what all lanes share.
        connection: the way to the receiver; nothing is dialled before the first attempt.
        on_rest: called when it has stopped, because it is paused or everything is sent.
    """

    def __init__(
        self, key: LaneKey, parts: LaneParts, connection: Connection, *, on_rest: Callable[["DeliveryLane"], None]
    ) -> None:
        self.key = key
        self._parts = parts
        self._on_rest = on_rest
        self._queue = LaneQueue(self._load)
        self._persistence = Persistence(key.caller, parts.turns, parts.sleep)
        self._standing = LaneStanding(
            key, pauses=parts.pauses, streaks=parts.streaks, retries=parts.retries, persistence=self._persistence
        )
        #: What is under way, for anybody who looks.
        self.delivery = CallbackDelivery(key, parts, connection, self._standing, self._persistence)
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._task is not None

    @property
    def trouble(self) -> str | None:
        """What keeps it from going on, on our side, in words; None when nothing does."""
        return self._persistence.trouble

    @property
    def may_leave(self) -> bool:
        """Whether everything that it knows stands in the table: it may be closed, and opened again."""
        waits = self._task is None or self.delivery.only_waits
        return waits and self.delivery.recorded and not self._standing.probing

    def offer(self, callback: OwedCallback) -> None:
        """Append a callback whose result was committed just now."""
        self._queue.offer(callback)
        self._go()

    def look_again(self) -> None:
        """Say that the table may hold callbacks which this lane has not seen."""
        self._queue.fall_behind()
        self._go()

    def probe(self) -> None:
        """Make one attempt although it is paused; what comes of it decides about the pause."""
        self._standing.probe()
        self.look_again()

    def leave(self) -> None:
        """Stop at once, without another step; only what `may_leave` says so of. It is to be closed."""
        self._queue.clear()
        if self._task:
            self._task.cancel()

    async def close(self, deadline_s: float = 0) -> None:
        """Take no further callback; after the deadline stop where it stands. What is not recorded stays owed."""
        self._queue.clear()
        self.delivery.stop()
        if task := self._task:
            if not self.delivery.in_flight:
                task.cancel()
            await asyncio.wait([task], timeout=deadline_s)
            task.cancel()
            await asyncio.wait([task])
        await self.delivery.aclose(deadline_s)

    def _go(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"lane {self.key.receiver}")

    async def _run(self) -> None:
        # No await may stand between the last look and `_task = None`: see GroupCommit.
        backoff = Backoff(self._parts.sleep)
        try:
            while not await self._has_worked():
                await backoff.wait()
                self._queue.read_anew()  # what was under way is still owed, or recorded by then
        finally:
            self.delivery.reset()
            self._standing.let_go()
            self._task = None
            self._on_rest(self)

    async def _has_worked(self) -> bool:
        """Send everything; False: something failed on our side, and it is to be tried again."""
        try:
            while True:
                while callback := await self._queue.next():
                    await self.delivery.deliver(callback)
                if not self._standing.probing:
                    return True
                await self._standing.end_useless_pauses()
        except (LeadershipLost, LaneRests):
            # Another process sends what is owed; or it is looked at later, from the head again: what was under way
            # may be owed still, and comes before what is in memory.
            self._queue.read_anew()
            return True
        except Exception as error:  # noqa: BLE001  told, and tried again
            self._persistence.tell(error)
            return False

    async def _load(self, limit: int) -> list[OwedCallback]:
        # What is sent and not yet recorded still stands in the table as owed.
        await self.delivery.settle()
        return await self._persistence.make(lambda: self._parts.store.owed(self.key, limit))
