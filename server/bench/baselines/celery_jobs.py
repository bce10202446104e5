"""The same job with Celery: one task generates, stores, records, signs, checks the address, delivers and logs.

Each worker process keeps one psycopg connection (autocommit, statements prepared) and one `httpx.Client`. Results are
ignored, a task is acknowledged when it has ended, retries wait 2, 4 and 8 seconds. Report, file and signature are made
by our own modules, so that they cost both sides the same.
"""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import psycopg
from celery.signals import worker_process_init

from bench.baselines.addresses import ForbiddenUrl, check_resolved
from bench.baselines.celery_app import TASK, app
from bench.baselines.storing import store
from src.services.delivery.signing import Signer
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.storage import StoredFile
from src.services.report_generator import ReportParameters, Totals, generate

RETRY_DELAYS_S = (2, 4, 8)
ATTEMPT_TIMEOUT_S = 10
START = """
UPDATE jobs SET status = 'PROCESSING', started_at = now() WHERE id = %s AND status IN ('PENDING', 'PROCESSING')
RETURNING payload, callback_url, queue_position
"""
FINISH = "UPDATE jobs SET status = 'COMPLETED', result = %s, completed_at = %s WHERE id = %s AND status = 'PROCESSING'"
FIND_FINISHED = (
    "SELECT result, callback_url, queue_position, completed_at FROM jobs WHERE id = %s AND status = 'COMPLETED'"
)
RECORD = """
WITH updated AS (
    UPDATE jobs SET callback_attempts = %(number)s, callback_status = %(status)s,
                    callback_finished_at = CASE WHEN %(status)s <> 'PENDING' THEN now() END
    WHERE id = %(id)s
)
INSERT INTO attempts (job_id, attempt_number, status_code, success, error, response_time_ms, attempted_at)
VALUES (%(id)s, %(number)s, %(code)s, %(success)s, %(error)s, %(took_ms)s, %(attempted_at)s)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Owed:
    """A callback to deliver."""

    url: str
    position: int
    result: dict[str, Any]
    completed_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt."""

    code: int | None
    error: str | None
    final: bool

    @property
    def success(self) -> bool:
        """Whether the receiver acknowledged."""
        return self.error is None


class WorkerProcess:
    """The state of a worker process."""

    def __init__(self) -> None:
        self._database = psycopg.connect(os.environ["BENCH_LIBPQ_URL"], autocommit=True)
        self._http = httpx.Client(timeout=ATTEMPT_TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._storage = LocalFolder(Path(os.environ["BENCH_FOLDER"]))
        self._signer = Signer([os.environ["BENCH_SIGNING_SECRET"]])

    def generate(self, job_id: UUID) -> Owed | None:
        """Generate and record; None if the job was deleted. A job already generated is only delivered."""
        started_s = time.perf_counter()
        row = self._database.execute(START, [job_id]).fetchone()
        if row is None:
            found = self._database.execute(FIND_FINISHED, [job_id]).fetchone()
            return found and Owed(url=found[1], position=found[2], result=found[0], completed_at=found[3])
        payload, url, position = row
        parameters = ReportParameters.from_json(payload)
        file, totals = store(generate(parameters), job_id, self._storage)
        result = _describe(job_id, parameters, file, totals, started_s)
        completed_at = datetime.now(UTC)
        self._database.execute(FINISH, [orjson.dumps(result).decode(), completed_at, job_id])
        return Owed(url, position, result, completed_at)

    def deliver(self, job_id: UUID, owed: Owed, number: int) -> bool:
        """Make an attempt and log it; returns whether another one is needed."""
        attempted_at, started_s = datetime.now(UTC), time.perf_counter()
        outcome = self._attempt(job_id, owed)
        again = not outcome.final and number <= len(RETRY_DELAYS_S)
        record = {
            "id": job_id,
            "number": number,
            "status": "SUCCESS" if outcome.success else "PENDING" if again else "FAILED",
            "code": outcome.code,
            "success": outcome.success,
            "error": outcome.error,
            "took_ms": round((time.perf_counter() - started_s) * 1000),
            "attempted_at": attempted_at,
        }
        self._database.execute(RECORD, record)
        return again

    def _attempt(self, job_id: UUID, owed: Owed) -> Outcome:
        body = orjson.dumps(
            {
                "type": "report.completed",
                "timestamp": owed.completed_at.isoformat(),
                "request_id": str(job_id),
                "status": "completed",
                "queue_position": owed.position,
                "data": owed.result,
            }
        )
        signature = self._signer.headers(f"msg_{job_id.hex}", int(time.time()), body)
        try:
            check_resolved(owed.url)
            answer = self._http.post(owed.url, content=body, headers={"content-type": "application/json", **signature})
        except ForbiddenUrl:
            return Outcome(None, "blocked", final=True)
        except (OSError, httpx.HTTPError) as error:
            return Outcome(None, type(error).__name__, final=False)
        failed = None if answer.is_success else f"status {answer.status_code}"
        return Outcome(answer.status_code, failed, final=not answer.is_server_error)


def _describe(
    job_id: UUID, parameters: ReportParameters, file: StoredFile, totals: Totals, started_s: float
) -> dict[str, Any]:
    return {
        "request_id": str(job_id),
        "mode": "async",
        "status": "completed",
        "report_name": parameters.report_name,
        "file_name": f"{job_id}.csv",
        "file_size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "download_url": f"/api/reports/{job_id}.csv",
        "summary": totals.summary(parameters.currency),
        "processing_time_ms": round((time.perf_counter() - started_s) * 1000),
    }


_process: list[WorkerProcess] = []


def _begin(**_: object) -> None:
    _process.append(WorkerProcess())


worker_process_init.connect(_begin, weak=False)


def _run(task: Any, job_id: str) -> None:
    """Process one job; a failed callback is retried later, by a separate task."""
    [process] = _process
    number = task.request.retries + 1
    owed = process.generate(UUID(job_id))
    if owed is not None and process.deliver(UUID(job_id), owed, number):
        raise task.retry(countdown=RETRY_DELAYS_S[number - 1], max_retries=len(RETRY_DELAYS_S))


produce_and_deliver = app.task(_run, bind=True, name=TASK)
