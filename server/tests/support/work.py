"""A job runner and its feed on virtual time, with a table and report storage that a test controls."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import cast
from uuid import UUID

from src.models import Priority, Status
from src.services.engine.job_queue import JobQueue
from src.services.engine.job_runner import JobRunner
from src.services.engine.priority_cycle import PriorityCycle
from src.services.engine.queue_feed import QueueFeed
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.production import SimulatedWork
from src.services.report_files.storage import StoredFile
from src.services.requests.records import Finished, Job, OwedCallback, Recorded
from src.services.requests.store import RequestStore
from tests.support.virtual_time import VirtualTime

START = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass
class Requests:
    """In-memory replacement for the requests in PostgreSQL, with the semantics of the statements; fails on demand."""

    jobs: dict[UUID, Job] = field(default_factory=dict)
    status: dict[UUID, Status] = field(default_factory=dict)
    #: Every statement that changed something: its name, and the positions.
    done: list[tuple[str, list[int]]] = field(default_factory=list)
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    #: What was cancelled and keeps its place, so that its receiver is told in its turn.
    to_be_told: set[UUID] = field(default_factory=set)
    #: Called once, when the answer of the next reading is on its way.
    on_read: Callable[[], object] | None = None
    #: Called when requests have begun, and nobody knows yet.
    on_start: Callable[[], object] | None = None

    def accept(self, *jobs: Job) -> None:
        """Add waiting requests."""
        for job in jobs:
            self.jobs[job.request_id] = job
            self.status[job.request_id] = Status.PENDING

    def _run(self, name: str) -> None:
        if self.faults[name]:
            raise self.faults[name].pop(0)

    def _move(self, name: str, ids: Collection[UUID], before: Collection[Status], after: Status) -> set[UUID]:
        self._run(name)
        moved = {one for one in ids if self.status.get(one) in before}
        self.status.update(dict.fromkeys(moved, after))
        self.done.append((name, sorted(one.int for one in moved)))
        return moved

    async def waiting_after(self, tails: Mapping[Priority, tuple[int, int]]) -> list[Job]:
        """Return waiting requests behind a position."""
        self._run("waiting_after")
        waiting = [
            job for one, job in self.jobs.items() if self.status[one] is Status.PENDING or one in self.to_be_told
        ]
        found: list[Job] = []
        for priority, (position, limit) in tails.items():
            behind = [job for job in waiting if job.priority is priority and job.queue_position > position]
            found += sorted(behind, key=lambda job: job.queue_position)[:limit]
        if on_read := self.on_read:
            self.on_read = None
            on_read()
        return found

    async def start(self, ids: Collection[UUID], _now: datetime) -> set[UUID]:
        for one in ids:
            if one in self.jobs:
                self.jobs[one] = replace(self.jobs[one], generation_attempts=self.jobs[one].generation_attempts + 1)
        begun = self._move("start", ids, (Status.PENDING, Status.PROCESSING), Status.PROCESSING)
        if on_start := self.on_start:
            self.on_start = None
            on_start()
        return begun

    async def finish(self, finished: Sequence[Finished]) -> list[Recorded | None]:
        ended = [f.request_id for f in finished if f.status is not Status.CANCELLED]
        moved = self._move("finish", ended, (Status.PROCESSING,), Status.COMPLETED)
        self.status.update({f.request_id: f.status for f in finished if f.request_id in moved})
        told = {f.request_id for f in finished} & self.to_be_told
        self.to_be_told -= told
        return [
            Recorded(
                self.status[f.request_id],
                owed=f.request_id in moved | told and self.jobs[f.request_id].receiver is not None,
            )
            if f.request_id in self.status
            else None
            for f in finished
        ]

    def cancel(self, position: int, *, notify: bool = False) -> None:
        """Cancel a request that has not ended."""
        self.status[UUID(int=position)] = Status.CANCELLED
        if notify:
            self.to_be_told.add(UUID(int=position))

    async def release(self, ids: Collection[UUID]) -> None:
        for one in self._move("release", ids, (Status.PROCESSING,), Status.PENDING):
            self.jobs[one] = replace(self.jobs[one], generation_attempts=self.jobs[one].generation_attempts - 1)

    def positions(self, status: Status) -> list[int]:
        """Return the positions of requests with a status."""
        return sorted(one.int for one, state in self.status.items() if state is status)


class Reports(LocalFolder):
    """A folder of reports that calls a hook when one is written."""

    on_write: Mapping[UUID, Callable[[], object]] = MappingProxyType({})

    def write(self, request_id: UUID, report_name: str, chunks: Iterable[bytes]) -> StoredFile:
        if request_id in self.on_write:
            self.on_write[request_id]()
        return super().write(request_id, report_name, chunks)


class Work:
    """A runner, its queue and its feed."""

    def __init__(self, folder: Path, *, ms_per_row: float = 0, jobs_max: int = 100) -> None:
        self.time = VirtualTime()
        self.table = Requests()
        self.queue = JobQueue(jobs_max, PriorityCycle.of((8, 3, 1)))
        self.offered: list[OwedCallback] = []
        self.storage = Reports(folder)
        self.storage.prepare()
        self.feed = QueueFeed(self.store, self.queue, wait=self.time.wait)
        self.runner = JobRunner(
            self.queue,
            store=self.store,
            sender=self,
            storage=self.storage,
            simulated_work=SimulatedWork(ms_per_row, 3_600),
            large_reports=ThreadPoolExecutor(1),
            now=self.now,
            wait=self.time.wait,
        )
        self.queue.on_jobs = self.runner.wake

    @property
    def store(self) -> RequestStore:
        """The table, typed as the store of the runner and the feed."""
        return cast("RequestStore", self.table)

    def offer(self, callbacks: Sequence[OwedCallback]) -> None:
        """Accept callbacks to deliver."""
        self.offered += callbacks

    def look_at_batches(self, batch_ids: Collection[UUID]) -> None:
        """Accept what may have ended; jobs here are of no batch."""
        assert not batch_ids

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time.now_s())

    @property
    def sent(self) -> list[int]:
        """Positions in the order in which they were handed to delivery."""
        return [callback.queue_position for callback in self.offered]
