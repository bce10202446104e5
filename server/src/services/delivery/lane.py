"""A lane: one caller's callbacks to one receiver, sent one at a time, in order, independently of other lanes.

A lane owns its state: the head of its queue, the current delivery, and its standing with the receiver. Local failures
are retried: a lane never ends because of one, and reports it as its `trouble` in the meantime.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

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
        key: identifies the lane.
        parts: shared by all lanes.
        connection: the client of the receiver; it connects at the first attempt.
        on_rest: called when the lane becomes idle, because it is paused or has sent everything.
    """

    def __init__(
        self, key: LaneKey, parts: LaneParts, connection: Connection, *, on_rest: Callable[["DeliveryLane"], None]
    ) -> None:
        self.key = key
        self._parts = parts
        self._on_rest = on_rest
        self._queue = LaneQueue(self._load)
        self._persistence = Persistence(key.caller, parts.statement_slots, parts.sleep)
        self._standing = LaneStanding(
            key, pauses=parts.pauses, streaks=parts.streaks, retries=parts.retries, persistence=self._persistence
        )
        #: The current delivery; its state is readable.
        self.delivery = CallbackDelivery(key, parts, connection, self._standing, self._persistence)
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether its task is running."""
        return self._task is not None

    @property
    def trouble(self) -> str | None:
        """The local failure that blocks progress, as a sentence; None if there is none."""
        return self._persistence.trouble

    @property
    def may_leave(self) -> bool:
        """Whether its state is completely stored in the table, so that it may be closed and opened again."""
        waits = self._task is None or self.delivery.only_waits
        return waits and self.delivery.recorded and not self._standing.probing

    def offer(self, callback: OwedCallback) -> None:
        """Enqueue a callback whose result has just been committed."""
        self._queue.offer(callback)
        self._start()

    def recheck(self) -> None:
        """Notify the lane that the table may hold callbacks it has not read."""
        self._queue.mark_behind()
        self._start()

    def probe(self) -> None:
        """Make one attempt although the lane is paused; its outcome decides about the pause."""
        self._standing.probe()
        self.recheck()

    def leave(self) -> None:
        """Stop immediately; only if `may_leave`. The lane must be closed afterwards."""
        self._queue.clear()
        if self._task:
            self._task.cancel()

    async def close(self, deadline_s: float = 0) -> None:
        """Stop after the current attempt, or at the deadline; unrecorded callbacks stay undelivered in the table."""
        self._queue.clear()
        self.delivery.stop()
        if task := self._task:
            if not self.delivery.in_flight:
                task.cancel()
            await asyncio.wait([task], timeout=deadline_s)
            task.cancel()
            await asyncio.wait([task])
        await self.delivery.aclose(deadline_s)

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"lane {self.key.receiver}")

    async def _run(self) -> None:
        # There must be no await between the last check of the queue and `_task = None`: see GroupCommit.
        backoff = Backoff(self._parts.sleep)
        try:
            while not await self._send_all():
                await backoff.wait()
                self._queue.reset()  # the current callback is still undelivered, or recorded by then
        finally:
            self.delivery.reset()
            self._standing.end_probe()
            self._task = None
            self._on_rest(self)

    async def _send_all(self) -> bool:
        """Send everything; returns False after a local failure, to be retried."""
        try:
            while True:
                while callback := await self._queue.next():
                    await self.delivery.deliver(callback)
                if not self._standing.probing:
                    return True
                await self._standing.end_unused_pauses()
        except (LeadershipLost, LaneRests):
            # Another process is the leader; or the lane is opened later, from the head again: the current callback
            # may still be undelivered, and precedes those in memory.
            self._queue.reset()
            return True
        except Exception as error:  # noqa: BLE001  recorded and retried
            self._persistence.note_failure(error)
            return False

    async def _load(self, limit: int) -> list[OwedCallback]:
        # Until the last attempt is recorded, the table still shows its callback as undelivered.
        await self.delivery.settle()
        seen_at = self._parts.now()
        owed = await self._persistence.run(lambda: self._parts.owed(self.key, limit))
        return [replace(callback, seen_at=seen_at) for callback in owed]
