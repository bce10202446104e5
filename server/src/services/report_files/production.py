"""Produces a stored report and its description; shared by sync requests, async requests and rebuilds."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from src import failpoints
from src.models import Mode
from src.services.report_files.storage import ReportStorage, StoredFile, file_name
from src.services.report_generator import ReportParameters, Totals, generate

REPORTS_PATH = "/api/reports/"


@dataclass(frozen=True, slots=True)
class SimulatedWork:
    """A delay that stands in for real work, without using CPU.

    Args:
        ms_per_transaction: delay per row, ms.
        seconds_max: maximum delay per report, seconds.
    """

    ms_per_transaction: float
    seconds_max: float

    def seconds(self, num_transactions: int) -> float:
        """Return the delay for a report of so many rows, seconds."""
        return min(num_transactions * self.ms_per_transaction / 1000, self.seconds_max)


@dataclass(frozen=True, slots=True)
class ProducedReport:
    """A stored report, and the exact totals of its rows."""

    file: StoredFile
    totals: Totals


class Unwanted(Exception):
    """The report was cancelled while it was being generated; nothing of it is stored."""


def _wanted() -> bool:
    return False


def produce(
    request_id: UUID, parameters: ReportParameters, storage: ReportStorage, is_unwanted: Callable[[], bool] = _wanted
) -> ProducedReport:
    """Generate a report and store it. Blocks; keeps one chunk in memory.

    Args:
        request_id: names the file.
        parameters: what it is made from.
        storage: where it goes.
        is_unwanted: asked behind each chunk, on this thread.

    Raises:
        Unwanted: it is.
        OSError: the report could not be stored.
    """
    totals = Totals()

    def rows() -> Iterator[bytes]:
        nonlocal totals
        for chunk, of_chunk in generate(parameters):
            totals += of_chunk
            yield chunk
            failpoints.reached("mid_generate")
            if is_unwanted():
                raise Unwanted

    file = storage.write(request_id, parameters.report_name, rows())
    return ProducedReport(file, totals)


def describe(
    request_id: UUID, mode: Mode, parameters: ReportParameters, report: ProducedReport, started_s: float
) -> dict[str, Any]:
    """Return the JSON description of a report: the response of `/sync`, the stored result and the callback's body.

    Args:
        request_id: determines the file name.
        mode: how the report was requested.
        parameters: what it was generated from.
        report: the stored report.
        started_s: `time.perf_counter()` at the start of generation.
    """
    return {
        "request_id": str(request_id),
        "mode": mode,
        "status": "completed",
        "report_name": parameters.report_name,
        "file_name": file_name(request_id),
        "file_size_bytes": report.file.size_bytes,
        "sha256": report.file.sha256,
        "download_url": REPORTS_PATH + file_name(request_id),
        "summary": report.totals.summary(parameters.currency),
        "processing_time_ms": round((time.perf_counter() - started_s) * 1000),
    }
