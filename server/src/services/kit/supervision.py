"""Supervision of long-lived tasks: they are restarted after any failure, and their state is observable."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from src.errors import DatabaseAway, ServiceError
from src.services.kit.backoff import Backoff

#: A task that has run for so long since its last failure counts as recovered.
SETTLED_AFTER_S = 2.0

Work = Callable[[], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskState:
    """The state of one task. `trouble` is None while it runs, and never contains the text of a foreign exception."""

    name: str
    state: Literal["running", "down"]
    since: datetime
    restarts: int
    trouble: str | None


@dataclass(slots=True)
class _Task:
    """One task, on the loop it was started on."""

    name: str
    since: datetime
    loop: asyncio.AbstractEventLoop
    restarts: int = 0
    trouble: str | None = None
    #: Failing this future ends the current run as if it had failed by itself.
    failure: "asyncio.Future[None]" = field(init=False)


class Supervisor:
    """Runs tasks on any event loop; their states can be read from any thread.

    Args:
        now: the time, aware UTC.
        sleep: waits for a number of seconds.
        settled_after_s: a task that has run for so long since its last failure counts as recovered, seconds.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        settled_after_s: float = SETTLED_AFTER_S,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._settled_after_s = settled_after_s
        self._tasks: dict[str, _Task] = {}

    def start(self, name: str, work: Work) -> "asyncio.Task[None]":
        """Run `work`, which never returns, in a new task that only ends when cancelled."""
        return asyncio.create_task(self.keep_running(name, work), name=name)

    async def keep_running(self, name: str, work: Work) -> None:
        """Run `work`, which never returns, and restart it after any failure, until cancelled."""
        task = self._tasks[name] = _Task(name, self._now(), asyncio.get_running_loop())
        backoff = Backoff(self._sleep)
        try:
            while True:
                started_s = task.loop.time()
                try:
                    await self._run(task, work)
                except Exception as error:  # noqa: BLE001  any error is logged, and the task is restarted
                    self._record_failure(task, error)
                if task.loop.time() - started_s > self._settled_after_s:
                    backoff.reset()
                await backoff.wait()
                task.restarts += 1
        finally:
            if self._tasks.get(name) is task:
                del self._tasks[name]

    def states(self) -> list[TaskState]:
        """Return a snapshot of the state of every task; thread-safe."""
        return [
            TaskState(task.name, "down" if task.trouble else "running", task.since, task.restarts, task.trouble)
            for task in list(self._tasks.values())
        ]

    def fail(self, name: str, error: Exception) -> None:
        """Make a task fail, for fault drills; it is handled exactly like a failure of its own.

        Raises:
            KeyError: no task has this name.
        """
        task = self._tasks[name]
        task.loop.call_soon_threadsafe(_fail, task, error)

    async def _run(self, task: _Task, work: Work) -> None:
        task.failure = task.loop.create_future()
        running = asyncio.ensure_future(work())
        settling = task.loop.call_later(self._settled_after_s, self._record_recovery, task)
        try:
            await asyncio.wait([running, task.failure], return_when=asyncio.FIRST_COMPLETED)
            if task.failure.done():
                await task.failure
            if running.cancelled():
                raise ServiceError("The task was cancelled by other code.")
        finally:
            settling.cancel()
            running.cancel()
            await asyncio.wait([running])
            task.failure.cancel()
            running.cancelled() or running.exception()  # retrieved, so that asyncio does not warn about it
        await running

    def _record_failure(self, task: _Task, error: Exception) -> None:
        """Store the reason, and log only the first failure of an outage: repeated ones add nothing."""
        is_first = task.trouble is None
        task.trouble = error.detail if isinstance(error, ServiceError) else f"It failed ({type(error).__name__})."
        if not is_first:
            log.debug("The %s failed again: %s", task.name, task.trouble)
            return
        task.since = self._now()
        if isinstance(error, DatabaseAway):
            log.warning("The %s is waiting for the database: %s", task.name, task.trouble)
        else:
            log.error("The %s failed and will be restarted.", task.name, exc_info=error)

    def _record_recovery(self, task: _Task) -> None:
        if task.trouble is not None:
            task.trouble, task.since = None, self._now()
            log.info("The %s is running again.", task.name)


def _fail(task: _Task, error: Exception) -> None:
    if not task.failure.done():
        task.failure.set_exception(error)
