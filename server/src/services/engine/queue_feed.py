"""The queue's only producer: reads accepted requests from PostgreSQL in order, and enqueues them.

A single mechanism covers the normal path, startup, a full queue, a COMMIT whose result was lost, and requests accepted
by other processes: the rows behind the last position read come next. Each priority has its own tail, so that a long
queue of one does not hide the others.
"""

import asyncio
from collections import Counter

from src import failpoints
from src.models import Priority
from src.services.engine.job_queue import JobQueue
from src.services.kit.waiting import Wait, happens_within
from src.services.requests.store import RequestStore

#: A notification may be lost; every row is found within this time.
SWEEP_EVERY_S = 2.0


class QueueFeed:
    """Keeps the bounded queue filled. Belongs to the server's event loop.

    Args:
        store: the request store of this loop.
        jobs: the queue that the worker consumes.
        wait: waits for an event with a timeout in seconds.
    """

    def __init__(self, store: RequestStore, jobs: JobQueue, wait: Wait = happens_within) -> None:
        self._store = store
        self._jobs = jobs
        self._wait = wait
        #: The tail of each priority: the last position read.
        self._tails = dict.fromkeys(Priority, 0)
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # Whether this process is the leader, and in which of its terms.
        self._active = False
        self._term = 0
        # Read by the worker's thread: the queue was full, and there may be more rows.
        self._waits_for_room = False
        jobs.on_room = self._on_room

    def wake(self) -> None:
        """Notify the feed of newly accepted requests."""
        self._wake.set()

    def begin(self) -> None:
        """Start feeding, from the front. Thread-safe."""
        self._loop.call_soon_threadsafe(self._begin)

    def rest(self) -> None:
        """Stop feeding and empty the queue. Thread-safe."""
        self._loop.call_soon_threadsafe(self._rest)

    async def run(self) -> None:
        """Feed the queue until stopped, waiting for new rows in between."""
        while True:
            await self._feed()
            await self._wait_for_wake()

    def _begin(self) -> None:
        self._tails = dict.fromkeys(Priority, 0)
        self._active = True
        self._term += 1
        self._wake.set()

    def _rest(self) -> None:
        self._active = False
        self._jobs.clear()

    def _on_room(self) -> None:
        """Resume feeding, if it was waiting for free capacity. Called on the worker's thread."""
        if self._waits_for_room:
            self._waits_for_room = False
            self._loop.call_soon_threadsafe(self._wake.set)

    async def _feed(self) -> None:
        """Read until no rows are left or the queue is full."""
        while True:
            self._wake.clear()
            term, room = self._term, self._jobs.room if self._active else {}
            self._waits_for_room = not all(room.values())
            tails = {priority: (self._tails[priority], free) for priority, free in room.items() if free}
            jobs = await self._store.waiting_after(tails) if tails else []
            if term != self._term:
                continue  # a new term has begun in the meantime: start from the front
            if jobs and self._active:
                self._tails |= {job.priority: job.queue_position for job in jobs}
                self._jobs.put(jobs)
                failpoints.reached("after_put")
            found = Counter(job.priority for job in jobs)
            if all(found[priority] < free for priority, (_, free) in tails.items()):
                return

    async def _wait_for_wake(self) -> None:
        if await self._wait(self._wake, SWEEP_EVERY_S):
            return
        # No notification: priorities with an empty queue are read from the front again, to find requests that returned
        # to the queue. One that is found twice is processed once: the second start finds it ended.
        self._tails |= {priority: 0 for priority in Priority if not self._jobs.has(priority)}
