"""The bounded hand-off between the feed, which puts, and the worker, which takes: a `queue.Queue` and its two bells."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence

from src.services.requests.records import Job


def _nobody() -> None:
    """Do nothing; the default of hooks without a listener."""


class JobQueue:
    """Jobs in `queue_position` order. One thread puts and clears, one takes.

    Args:
        jobs_max: what it holds; the others wait in the table.
    """

    def __init__(self, jobs_max: int) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue(jobs_max)
        #: Looked at and not taken.
        self._ahead: deque[Job] = deque()
        self._lock = threading.Lock()
        #: Called where jobs were put; and, on the taker's thread, where the queue is half empty or less.
        self.on_jobs: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody

    @property
    def room(self) -> int:
        """How many more may be put."""
        return self._jobs.maxsize - self._jobs.qsize()

    @property
    def empty(self) -> bool:
        """Whether nothing is left to take."""
        return not self._ahead and self._jobs.empty()

    def put(self, jobs: Sequence[Job]) -> None:
        """Append jobs; no more than there is room for."""
        for job in jobs:
            self._jobs.put_nowait(job)
        self.on_jobs()

    def peek(self) -> Job | None:
        """Look at the next job without taking it."""
        with self._lock:
            return self._peek()

    def take_turn(self, joins: Callable[[Sequence[Job], Job], bool]) -> list[Job]:
        """Take the next job, if there is one, and those behind it that may be begun together with it.

        Args:
            joins: returns whether a job may join those already taken.
        """
        turn: list[Job] = []
        with self._lock:
            while (job := self._peek()) and (not turn or joins(turn, job)):
                turn.append(self._ahead.popleft())
        if self._jobs.qsize() <= self._jobs.maxsize // 2:
            self.on_room()
        return turn

    def clear(self) -> None:
        """Take everything away; it stays in the table."""
        with self._lock:
            while self._peek():
                self._ahead.popleft()

    def _peek(self) -> Job | None:
        if not self._ahead:
            try:
                self._ahead.append(self._jobs.get_nowait())
            except queue.Empty:
                return None
        return self._ahead[0]
