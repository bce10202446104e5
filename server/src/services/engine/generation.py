"""Processes one job: generates and stores its report, and returns the outcome. Knows neither queue nor database."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import datetime

import orjson

from src.models import Mode
from src.services.kit.backoff import Backoff, until_available
from src.services.report_files.production import ProducedReport, SimulatedWork, Unwanted, describe, produce
from src.services.report_files.storage import ReportStorage, not_stored
from src.services.requests.records import Finished, Job

#: A report of more rows is generated off the loop, so that deliveries go on.
ROWS_ON_LOOP_MAX = 4_000

log = logging.getLogger(__name__)


class Interrupted(Exception):
    """The term is over: the current report returns to the queue."""


class Generation:
    """Generates reports. Belongs to one event loop.

    Args:
        storage: stores the reports.
        simulated_work: the delay that stands in for real work.
        large_reports: a thread for reports that would block the loop for too long.
        pause: waits for a number of seconds; raises `Interrupted` if the term is over, and `Unwanted` if the report was
            cancelled.
        is_unwanted: whether the report was cancelled; called from any thread.
        now: the time, aware UTC, never going back.
    """

    def __init__(
        self,
        *,
        storage: ReportStorage,
        simulated_work: SimulatedWork,
        large_reports: Executor,
        pause: Callable[[float], Awaitable[None]],
        is_unwanted: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._storage = storage
        self._simulated_work = simulated_work
        self._large_reports = large_reports
        self._pause = pause
        self._is_unwanted = is_unwanted
        self._now = now
        #: What blocks progress, as a sentence; None if nothing does.
        self.trouble: str | None = None

    async def run_job(self, job: Job) -> Finished:
        """Generate the report of a job; an internal error ends it as `FAILED`, a cancel as `CANCELLED`.

        Raises:
            Interrupted: the term is over; the job has not ended.
        """
        started_s = time.perf_counter()
        try:
            await self._pause(self._simulated_work.seconds(job.parameters.num_transactions))
            report = await self._produce(job)
        except Interrupted:
            raise
        except Unwanted:
            return Finished(request_id=job.request_id, completed_at=self._now(), result=None)
        except Exception:
            log.exception("The report of %s could not be generated.", job.request_id)
            reason = "The report could not be generated because of an internal error."
            return Finished(request_id=job.request_id, completed_at=self._now(), result=None, failure_reason=reason)
        result = describe(job.request_id, Mode.ASYNC, job.parameters, report, started_s)
        return Finished(request_id=job.request_id, completed_at=self._now(), result=orjson.dumps(result).decode())

    async def _produce(self, job: Job) -> ProducedReport:
        """Generate and store; retries until the storage accepts the report, which blocks the queue."""

        async def produced() -> ProducedReport:
            if self._storage.is_quick and job.parameters.num_transactions <= ROWS_ON_LOOP_MAX:
                return produce(job.request_id, job.parameters, self._storage)
            return await asyncio.get_running_loop().run_in_executor(
                self._large_reports, produce, job.request_id, job.parameters, self._storage, self._is_unwanted
            )

        report = await until_available(produced, Backoff(self._pause), on_away=self._note_refusal, away=OSError)
        self.trouble = None
        return report

    def _note_refusal(self, error: OSError) -> None:
        trouble = not_stored(error)
        if trouble != self.trouble:  # logged once, not at every retry
            log.warning("%s Retrying until it succeeds.", trouble)
        self.trouble = trouble
