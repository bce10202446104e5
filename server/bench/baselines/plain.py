"""The same routes as ours in plain FastAPI, without a database: what the framework itself allows.

Body and response models are ours, everything else is FastAPI's default. Nothing is stored or checked beyond the
models; the sync route generates the report with our generator and stores its file, as ours does.
"""

import itertools
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI

from src.models import Mode
from src.routes.wire.requests import AcceptedAnswer, AsyncRequest, ReportRequest, ReportResult
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.production import describe, produce
from src.services.report_generator import ReportParameters

app = FastAPI()
positions = itertools.count(1)
storage = LocalFolder(Path(os.environ["BENCH_FOLDER"]))


@app.post("/api/async", status_code=202)
async def accept(body: AsyncRequest) -> AcceptedAnswer:
    """Respond as if the request had been accepted."""
    request_id = uuid4()
    return AcceptedAnswer(
        request_id=request_id,
        queue_position=next(positions),
        status="pending",
        message="Accepted. The result will be sent to the callback URL.",
        status_url=f"/api/requests/{request_id}",
    )


@app.post("/api/sync")
async def generate(body: ReportRequest) -> ReportResult:
    """Generate a report on the event loop: fastest for short ones, but blocks all other requests."""
    return _generate(body)


@app.post("/api/sync-in-thread")
def generate_in_thread(body: ReportRequest) -> ReportResult:
    """Generate a report in one of FastAPI's threads, as its guide advises for blocking code."""
    return _generate(body)


def _generate(body: ReportRequest) -> ReportResult:
    request_id, started_s = uuid4(), time.perf_counter()
    parameters = ReportParameters.of(body, datetime.now(UTC).date())
    report = produce(request_id, parameters, storage)
    return ReportResult(**describe(request_id, Mode.SYNC, parameters, report, started_s))
