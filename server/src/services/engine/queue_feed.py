"""The tail of the queue: reads accepted requests from PostgreSQL in order and puts them on the `queue.Queue`.

It is the queue's only producer. One mechanism serves the normal path, start-up, a queue that was full, a COMMIT
whose answer was lost and requests that another process accepted: whatever is in the table and behind the last
position read comes next.
"""

import asyncio
import queue
from collections.abc import Callable
from contextlib import suppress

from src import failpoints
from src.services.requests.records import Job
from src.services.requests.store import RequestStore

#: A wake-up may be lost; a row is never found later than this.
SWEEP_EVERY_S = 2.0


class QueueFeed:
    """Keeps the bounded queue filled. Belongs to the server's event loop.

    Args:
        store: the statements, on this loop.
        jobs: the queue that the worker thread consumes.
        on_put: called after jobs were put; wakes the worker.
    """

    def __init__(self, store: RequestStore, jobs: queue.Queue[Job], *, on_put: Callable[[], None]) -> None:
        self._store = store
        self._jobs = jobs
        self._on_put = on_put
        self._last_position = 0
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # Whether the worker of this process is the one that works.
        self._active = False
        # Read by the worker's thread: the queue was full and there may be more.
        self._waits_for_room = False

    def wake(self) -> None:
        """Say that something was accepted."""
        self._wake.set()

    def begin(self) -> None:
        """Fill the queue, from the front. From any thread."""
        self._loop.call_soon_threadsafe(self._begin)

    def rest(self) -> None:
        """Put nothing more on the queue, and take away what is there. From any thread."""
        self._loop.call_soon_threadsafe(self._rest)

    def tell_of_room(self) -> None:
        """Say that the queue has room; costs nothing while nobody waits for it. From any thread."""
        if self._waits_for_room:
            self._waits_for_room = False
            self._loop.call_soon_threadsafe(self._wake.set)

    def _begin(self) -> None:
        self._last_position = 0
        self._active = True
        self._wake.set()

    def _rest(self) -> None:
        self._active = False
        with suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()

    async def run(self) -> None:
        """Feed, and wait for more to come, again and again."""
        while True:
            await self._feed()
            await self._wait_for_wake()

    async def _feed(self) -> None:
        """Read on until nothing is left or the queue is full."""
        while True:
            self._wake.clear()
            room = self._jobs.maxsize - self._jobs.qsize() if self._active else 0
            self._waits_for_room = self._active and room == 0
            jobs = await self._store.waiting_after(self._last_position, room) if room else []
            for job in jobs:
                self._jobs.put_nowait(job)
                self._last_position = job.queue_position
            if jobs:
                failpoints.reached("after_put")
                self._on_put()
            if len(jobs) < room or not room:
                return

    async def _wait_for_wake(self) -> None:
        try:
            async with asyncio.timeout(SWEEP_EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            # Nothing is queued and nothing came: look from the front again, so that a request which returned
            # to the queue is found. One that is found twice is worked on once: the second start finds it ended.
            if self._jobs.empty():
                self._last_position = 0
