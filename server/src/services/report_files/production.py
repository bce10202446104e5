"""From parameters to a stored report and its description: the one path that sync, async and rebuilding take."""

import time
from collections.abc import Iterator
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
    """The wait that stands for real work: it burns no CPU.

    Args:
        ms_per_transaction: wait for one row, ms.
        seconds_max: wait for one report at most, seconds.
    """

    ms_per_transaction: float
    seconds_max: float

    def seconds(self, num_transactions: int) -> float:
        """How long a report of so many rows pretends to take."""
        return min(num_transactions * self.ms_per_transaction / 1000, self.seconds_max)


@dataclass(frozen=True, slots=True)
class ProducedReport:
    """A stored report, and the exact totals of its rows."""

    file: StoredFile
    totals: Totals


def produce(request_id: UUID, parameters: ReportParameters, storage: ReportStorage) -> ProducedReport:
    """Generate a report and store it. Blocks; keeps one chunk in memory.

    Raises:
        OSError: the store refused.
    """
    totals = Totals()

    def rows() -> Iterator[bytes]:
        nonlocal totals
        for chunk, of_chunk in generate(parameters):
            totals += of_chunk
            yield chunk
            failpoints.reached("mid_generate")

    file = storage.write(request_id, parameters.report_name, rows())
    return ProducedReport(file, totals)


def describe(
    request_id: UUID, mode: Mode, parameters: ReportParameters, report: ProducedReport, started_s: float
) -> dict[str, Any]:
    """Describe a report as `/sync` answers it and as it is stored and called back.

    Args:
        request_id: names the file.
        mode: how it was asked for.
        parameters: what was asked for.
        report: what came of it.
        started_s: `time.perf_counter()` when its generation began.
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
