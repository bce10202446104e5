"""How long a report takes beside the same rows through the csv module: `python -m tests.bench.generation`."""

import csv
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import uuid4

from src.services.report_generator import ReportParameters
from src.services.report_production import produce
from src.services.report_storage import ReportStorage

ROUNDS = 5


def parameters(rows: int) -> ReportParameters:
    """A report of a month."""
    return ReportParameters(rows, "Bench", 7, date(2026, 1, 1), date(2026, 2, 1), "USD")


def with_csv_module(storage: ReportStorage, rows: list[list[str]]) -> None:
    """Write rows that are there already: the csv module's share alone."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    storage.write(uuid4(), [text.getvalue().encode()])


def milliseconds(work: Callable[[], object]) -> float:
    """Time one run."""
    started_s = time.perf_counter()
    work()
    return (time.perf_counter() - started_s) * 1000


def main() -> None:
    """Interleave both, and print medians."""
    with tempfile.TemporaryDirectory() as folder:
        storage = ReportStorage(Path(folder))
        for rows in (50, 1_000, 1_000_000):
            request_id = uuid4()
            produce(request_id, parameters(rows), storage)
            lines = list(csv.reader(io.StringIO(storage.path(request_id).read_text(), newline="")))
            pairs = [
                (
                    milliseconds(lambda rows=rows: produce(uuid4(), parameters(rows), storage)),  # type: ignore[misc]  # bound at once
                    milliseconds(lambda lines=lines: with_csv_module(storage, lines)),  # type: ignore[misc]
                )
                for _ in range(ROUNDS)
            ]
            ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{rows:>9,} rows: {ours:8.2f} ms in all; through the csv module, writing alone: {theirs:8.2f} ms")


if __name__ == "__main__":
    main()
