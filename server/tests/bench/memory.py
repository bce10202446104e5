"""The most memory that the server ever has: with one large report, and with one small one."""

from collections.abc import Sequence
from functools import partial
from uuid import uuid4

from tests.bench.figures import Row, at_most
from tests.bench.harness import Bench, interleave
from tests.bench.jobs import ROWS, JobLoad
from tests.bench.programs import service


def measure(bench: Bench) -> Sequence[Row]:
    """Run both in turns, each in a server of its own, which has made small reports before."""
    many = bench.sizes.many_rows
    with JobLoad() as load:
        sides = {name: partial(_peak_mb, bench, load, rows) for name, rows in (("large", many), ("small", ROWS))}
        peaks_mb = interleave(sides, bench.sizes.rounds)
    return [
        Row(
            measure=f"peak memory, one report of {many:,} rows, less {ROWS} rows",
            unit="MB",
            ours=peaks_mb["large"],
            baseline=peaks_mb["small"],
            goal=at_most(30, "difference", "MB"),
            we=f"the server's largest resident memory after POST /api/async of {many:,} rows and its callback",
            they=f"a server of its own, after the same with {ROWS} rows",
            same_work="yes, but for the rows",
        )
    ]


def _peak_mb(bench: Bench, load: JobLoad, rows: int) -> float:
    folder = bench.folder / f"memory-{uuid4().hex[:8]}"
    with service(folder, DATABASE_URL=bench.database(), CALLBACK_ALLOWED_ORIGINS=load.allowed_origins) as server:
        load.run(server.base_url, 4)
        load.run(server.base_url, 1, rows=rows)
        return server.peak_rss_mb()
