"""Reads and jobs with a table of many finished requests, compared with a small and an empty table."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from bench.end_to_end import our_side, run
from bench.figures import Row, at_least, at_most
from bench.filling import fill
from bench.harness import Bench, interleave, say
from bench.jobs import JobLoad
from bench.reading import PAGES, Table, read

FEW_ROWS = 1_000
WARM_UP_JOBS = 50


def measure(bench: Bench) -> Sequence[Row]:
    """Fill the tables, then run reads and jobs alternately."""
    many = bench.sizes.many_rows
    with ExitStack() as stack:
        load = stack.enter_context(JobLoad())
        urls = {rows: bench.database() for rows in (many, FEW_ROWS, 0)}
        for rows in (many, FEW_ROWS):
            say(f"filling a table with {rows:,} rows …")
            fill(urls[rows], rows)
        sides = {rows: our_side(bench, url, load, stack) for rows, url in urls.items()}
        tables = {rows: stack.enter_context(Table(urls[rows], sides[rows].base_url)) for rows in (many, FEW_ROWS)}
        took_ms = read(tables[many], tables[FEW_ROWS], bench.sizes)
        for rows in (many, 0):
            load.run(sides[rows].base_url, WARM_UP_JOBS)
        turns = {name: partial(run, sides[rows], load, bench) for name, rows in (("many", many), ("empty", 0))}
        runs = interleave(turns, bench.sizes.more_rounds)
    jobs = Row(
        measure=f"jobs/s with {many:,} finished rows, by an empty table",
        unit="/s",
        ours=[one.delivered.jobs_per_s for one in runs["many"]],
        baseline=[one.delivered.jobs_per_s for one in runs["empty"]],
        goal=at_least(0.9),
        we=f"the jobs of end_to_end in a database with {many:,} finished requests and their callback logs",
        they="the same service on an empty database",
        same_work="yes",
    )
    return [*(_reading_row(kind, took_ms[kind], many) for kind in took_ms), jobs]


def _reading_row(kind: str, cases: Mapping[str, tuple[list[float], list[float]]], many: int) -> Row:
    """Return one row for all cases of a kind: the worst of them."""
    rows = {
        case: Row(
            measure=f"p50 of {kind}, {many:,} rows, by {FEW_ROWS:,} rows",
            unit="ms",
            ours=with_many,
            baseline=with_few,
            goal=at_most(1.5),
            we=f"{PAGES[kind]}, one request after the other, {many:,} rows; the worst is shown: {case}",
            they=f"the same with {FEW_ROWS:,} rows",
            same_work="yes: pages of as many rows",
        )
        for case, (with_many, with_few) in cases.items()
    }
    worst = max(rows.values(), key=lambda row: row.ratio or 0)
    details = {case: {"ms": min(row.ours), "ratio": row.ratio} for case, row in rows.items()}
    return replace(worst, details=details)
