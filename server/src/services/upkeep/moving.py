"""Moving reports from one store to another, while servers go on. What is there already is not moved again."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from src.services.report_files.production import produce
from src.services.report_files.storage import ReportStorage, StoredFile
from src.services.requests.records import CompletedReport
from src.services.requests.store import RequestStore

REPORTS_TOGETHER = 500
#: Reports on their way at once: each waits for two stores most of the time.
MOVED_AT_ONCE = 4

Outcome = Literal["copied", "made_again", "there_before"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a move has come, in reports."""

    total: int
    copied: int = 0
    #: Those that the source had lost or damaged: they were generated again.
    made_again: int = 0
    there_before: int = 0
    #: Those whose requests were deleted while they were moved.
    deleted: int = 0

    @property
    def done(self) -> int:
        """How many are settled."""
        return self.copied + self.made_again + self.there_before + self.deleted


async def move_reports(
    store: RequestStore, source: ReportStorage, target: ReportStorage, on_progress: Callable[[Progress], None]
) -> Progress:
    """Move every report; it may be ended at any moment and begun again.

    Args:
        store: the statements.
        source: where reports are, only read.
        target: where they shall be.
        on_progress: told after each batch.

    Raises:
        OSError: a store refuses or is away.
        DatabaseAway: PostgreSQL does not answer.
    """
    progress = Progress(total=await store.count_completed())
    after = UUID(int=0)
    with ThreadPoolExecutor(MOVED_AT_ONCE, thread_name_prefix="move") as threads:
        while reports := await store.completed_after(after, REPORTS_TOGETHER):
            after = reports[-1].request_id
            loop = asyncio.get_running_loop()
            moving = [loop.run_in_executor(threads, _move, report, source, target) for report in reports]
            outcomes = await asyncio.gather(*moving)
            progress = _after(progress, outcomes, await _take_back_deleted(reports, store, target))
            on_progress(progress)
    return progress


def _move(report: CompletedReport, source: ReportStorage, target: ReportStorage) -> Outcome:
    expected = StoredFile(report.size_bytes, report.sha256)
    if target.holds(report.request_id, expected.size_bytes):
        return "there_before"
    found = source.open(report.request_id, expected)
    if found is not None:
        try:
            chunks = found.chunks(0, expected.size_bytes)
            if target.write(report.request_id, report.parameters.report_name, chunks) == expected:
                return "copied"
        finally:
            found.close()
    if produce(report.request_id, report.parameters, target).file != expected:
        target.delete([report.request_id])
        raise OSError(0, f"the report of {report.request_id} is lost, and generated again it differs")
    return "made_again"


async def _take_back_deleted(reports: Sequence[CompletedReport], store: RequestStore, target: ReportStorage) -> int:
    """Look again after the batch: a delete that came before the copy found nothing to delete in the target."""
    ids = [report.request_id for report in reports]
    known = await store.known(ids)
    gone = [request_id for request_id in ids if request_id not in known]
    await asyncio.to_thread(target.delete, gone)
    return len(gone)


def _after(progress: Progress, outcomes: Sequence[Outcome], deleted: int) -> Progress:
    copied, made_again = outcomes.count("copied"), outcomes.count("made_again")
    there_before = outcomes.count("there_before")
    # Of those that were deleted it is not known what they were; they are few.
    return replace(
        progress,
        copied=progress.copied + copied - min(deleted, copied),
        made_again=progress.made_again + made_again,
        there_before=progress.there_before + there_before,
        deleted=progress.deleted + deleted,
    )
