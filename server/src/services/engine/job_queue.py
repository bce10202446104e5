"""The bounded queue between the feed (producer) and the worker (consumer): a `queue.Queue` per priority."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from src.models import Priority
from src.services.engine.priority_cycle import PriorityCycle
from src.services.requests.records import Job


def _nobody() -> None:
    """Do nothing; the default of hooks without a listener."""


class JobQueue:
    """Jobs in `queue_position` order within a priority, and by the cycle between them.

    One thread puts and clears, one takes. The capacity of each priority is separate, so that many jobs of one never
    keep those of another out of memory.

    Args:
        jobs_max: capacity per priority; further jobs stay in the table.
        cycle: interleaves the priorities.
    """

    def __init__(self, jobs_max: int, cycle: PriorityCycle) -> None:
        self._jobs: dict[Priority, queue.Queue[Job]] = {each: queue.Queue(jobs_max) for each in Priority}
        #: Jobs that were peeked at, or put back.
        self._ahead: dict[Priority, deque[Job]] = {each: deque() for each in Priority}
        self._cycle = cycle
        #: Index in the cycle of the next start.
        self._at = 0
        self._lock = threading.Lock()
        #: Called after jobs were put; `on_room`, on the consumer's thread, if a priority is at most half full.
        self.on_jobs: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody

    @property
    def room(self) -> Mapping[Priority, int]:
        """Free capacity of each priority."""
        return {each: jobs.maxsize - jobs.qsize() for each, jobs in self._jobs.items()}

    @property
    def cycle_at(self) -> int:
        """Index in the cycle of the next start; thread-safe."""
        return self._at

    def has(self, priority: Priority) -> bool:
        """Whether there are jobs of a priority."""
        return bool(self._ahead[priority]) or not self._jobs[priority].empty()

    def put(self, jobs: Sequence[Job]) -> None:
        """Append jobs, within the free capacity."""
        for job in jobs:
            self._jobs[job.priority].put_nowait(job)
        self.on_jobs()

    def take_turn(self, joins: Callable[[Sequence[Job], Job], bool]) -> list[Job]:
        """Take the next job, if there is one, and the following ones that may be started with it in a batch.

        Args:
            joins: returns whether a job may join the batch.
        """
        turn: list[Job] = []
        with self._lock:
            at = self._at
            while waiting := self._waiting():
                priority, at = self._cycle.next(waiting, at)
                if turn and not joins(turn, self._ahead[priority][0]):
                    break
                turn.append(self._ahead[priority].popleft())
        if any(jobs.qsize() <= jobs.maxsize // 2 for jobs in self._jobs.values()):
            self.on_room()
        return turn

    def begin(self, turn: Sequence[Job]) -> bool:
        """Start the first job of the rest of a batch; False if a job of another priority has to start first."""
        with self._lock:
            waiting = self._waiting() | {job.priority for job in turn}
            priority, at = self._cycle.next(waiting, self._at)
            if priority is not turn[0].priority:
                return False
            self._at = at
            return True

    def put_back(self, turn: Sequence[Job]) -> None:
        """Return jobs that were taken and not started to the front."""
        with self._lock:
            for job in reversed(turn):
                self._ahead[job.priority].appendleft(job)

    def clear(self) -> None:
        """Remove all jobs, which remain in the table, and restart the cycle."""
        with self._lock:
            while waiting := self._waiting():
                for priority in waiting:
                    self._ahead[priority].clear()
            self._at = 0

    def _waiting(self) -> set[Priority]:
        """Return the priorities with jobs, after peeking at the first of each."""
        for priority, jobs in self._jobs.items():
            if not self._ahead[priority] and not jobs.empty():
                self._ahead[priority].append(jobs.get_nowait())
        return {priority for priority, ahead in self._ahead.items() if ahead}
