"""The bounded hand-off between the feed, which puts, and the worker, which takes: a `queue.Queue` for each priority."""

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

    One thread puts and clears, one takes. Each priority has room of its own, so that many of one never keep another's
    out of sight.

    Args:
        jobs_max: what it holds of each priority; the others wait in the table.
        cycle: whose turn it is.
    """

    def __init__(self, jobs_max: int, cycle: PriorityCycle) -> None:
        self._jobs: dict[Priority, queue.Queue[Job]] = {each: queue.Queue(jobs_max) for each in Priority}
        #: Looked at and not taken, or put back.
        self._ahead: dict[Priority, deque[Job]] = {each: deque() for each in Priority}
        self._cycle = cycle
        #: Where the cycle stands: what begins moves it.
        self._at = 0
        self._lock = threading.Lock()
        #: Called where jobs were put; and, on the taker's thread, where a priority is half empty or less.
        self.on_jobs: Callable[[], None] = _nobody
        self.on_room: Callable[[], None] = _nobody

    @property
    def room(self) -> Mapping[Priority, int]:
        """How many more of each priority may be put."""
        return {each: jobs.maxsize - jobs.qsize() for each, jobs in self._jobs.items()}

    @property
    def cycle_at(self) -> int:
        """Index in the cycle of the next start; from any thread."""
        return self._at

    def has(self, priority: Priority) -> bool:
        """Whether anything of a priority is left to take."""
        return bool(self._ahead[priority]) or not self._jobs[priority].empty()

    def put(self, jobs: Sequence[Job]) -> None:
        """Append jobs; no more than there is room for."""
        for job in jobs:
            self._jobs[job.priority].put_nowait(job)
        self.on_jobs()

    def take_turn(self, joins: Callable[[Sequence[Job], Job], bool]) -> list[Job]:
        """Take the next job, if there is one, and those behind it that may be begun together with it.

        Args:
            joins: returns whether a job may join those already taken.
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
        """Begin the first of those that are left of a turn; False: meanwhile another priority's turn has come."""
        with self._lock:
            waiting = self._waiting() | {job.priority for job in turn}
            priority, at = self._cycle.next(waiting, self._at)
            if priority is not turn[0].priority:
                return False
            self._at = at
            return True

    def put_back(self, turn: Sequence[Job]) -> None:
        """Give back what was taken and not begun, to its place."""
        with self._lock:
            for job in reversed(turn):
                self._ahead[job.priority].appendleft(job)

    def clear(self) -> None:
        """Take everything away; it stays in the table. What comes then is counted anew."""
        with self._lock:
            while waiting := self._waiting():
                for priority in waiting:
                    self._ahead[priority].clear()
            self._at = 0

    def _waiting(self) -> set[Priority]:
        """Tell which priorities wait, the first of each looked at."""
        for priority, jobs in self._jobs.items():
            if not self._ahead[priority] and not jobs.empty():
                self._ahead[priority].append(jobs.get_nowait())
        return {priority for priority, ahead in self._ahead.items() if ahead}
