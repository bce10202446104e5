"""Rows per second of a large report and the time of a small one, beside the csv module, polars and a raw write."""

import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from uuid import uuid4

from bench.baselines.generators import WithPolars, with_csv
from bench.baselines.storing import store
from bench.figures import Goal, Row, at_least, at_most
from bench.harness import Bench, interleave
from src.services.report_files.local_folder import LocalFolder
from src.services.report_files.production import produce
from src.services.report_generator import ReportParameters, generate

SMALL_ROWS = 50
#: Of which one figure is the median: one alone takes less than a millisecond.
SMALL_REPORTS = 300
WE = "one thread: rows from the seed, exact totals, SHA-256, a new file that is renamed into place"


def measure(bench: Bench) -> Sequence[Row]:
    """Run all sides alternately, in this process."""
    folder = bench.folder / "generation"
    return [*_large(bench, folder), _small(bench, folder)]


def _large(bench: Bench, folder: Path) -> Sequence[Row]:
    many = bench.sizes.many_rows
    storage, report = LocalFolder(folder), parameters(many)
    with_polars = WithPolars()
    chunks = [chunk for chunk, _ in generate(report)]
    sides = {
        "ours": partial(_seconds, folder, lambda: produce(uuid4(), report, storage)),
        "csv": partial(_seconds, folder, lambda: store(with_csv(report), uuid4(), storage)),
        "polars": partial(_seconds, folder, lambda: store(with_polars(report), uuid4(), storage)),
        "raw": partial(_seconds, folder, lambda: _write(chunks, folder)),
    }
    took_s = interleave(sides, bench.sizes.rounds)
    per_s = {name: [many / one for one in all_of_it] for name, all_of_it in took_s.items()}

    def row(than: str, side: str, goal: Goal, they: str, same_work: str) -> Row:
        return Row(
            measure=f"rows/s at {many:,} rows, by {than}",
            unit="/s",
            ours=per_s["ours"],
            baseline=per_s[side],
            goal=goal,
            we=WE,
            they=they,
            same_work=same_work,
        )

    polars_does = "the same columns and totals by polars, a frame of 200,000 rows at a time, SHA-256, file; its threads"
    return [
        row("csv module", "csv", at_least(10), "the same by random and the csv module, SHA-256, file", "yes"),
        row("polars in chunks", "polars", at_least(1), polars_does, "yes"),
        row("raw write", "raw", at_least(0.08), "the same bytes, made before, are written", "no: a bound, not a rival"),
    ]


def _small(bench: Bench, folder: Path) -> Row:
    storage, report = LocalFolder(folder), parameters(SMALL_ROWS)
    sides = {
        "ours": partial(_median_ms, folder, lambda: produce(uuid4(), report, storage)),
        "csv": partial(_median_ms, folder, lambda: store(with_csv(report), uuid4(), storage)),
    }
    took_ms = interleave(sides, bench.sizes.more_rounds)
    return Row(
        measure=f"time per report of {SMALL_ROWS} rows, by csv module",
        unit="ms",
        ours=took_ms["ours"],
        baseline=took_ms["csv"],
        goal=at_most(1),
        we=WE,
        they="the same by random and the csv module, SHA-256, file",
        same_work="yes",
    )


def parameters(rows: int) -> ReportParameters:
    """A report of a month."""
    return ReportParameters(rows, "Bench", 7, date(2026, 1, 1), date(2026, 2, 1), "USD")


def _write(chunks: Sequence[bytes], folder: Path) -> None:
    file = folder / "unfinished"
    with file.open("xb", buffering=0) as opened:
        for chunk in chunks:
            os.write(opened.fileno(), chunk)
    file.rename(folder / "raw")


def _seconds(folder: Path, work: Callable[[], object]) -> float:
    """Measure the time of a function that writes files to an empty folder."""
    folder.mkdir()
    took_s = _timed_s(work)
    shutil.rmtree(folder)
    return took_s


def _median_ms(folder: Path, work: Callable[[], object]) -> float:
    folder.mkdir()
    took_s = [_timed_s(work) for _ in range(SMALL_REPORTS)]
    shutil.rmtree(folder)
    return statistics.median(took_s) * 1000


def _timed_s(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s
