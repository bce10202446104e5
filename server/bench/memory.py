"""Peak memory of the server, with one large report and with a small one."""

from collections.abc import Sequence
from uuid import uuid4

from bench.figures import Row, at_most
from bench.harness import Bench
from bench.jobs import ROWS, JobLoad
from bench.programs import service

SMALL_REPORTS = 20


def measure(bench: Bench) -> Sequence[Row]:
    """Generate small reports, then a large one, on a new server in each round."""
    many = bench.sizes.many_rows
    with JobLoad() as load:
        peaks_mb = [_peaks_mb(bench, load, many) for _ in range(bench.sizes.rounds)]
    small_mb, large_mb = zip(*peaks_mb, strict=True)
    return [
        Row(
            measure=f"peak memory, one report of {many:,} rows, less {ROWS} rows",
            unit="MB",
            ours=large_mb,
            baseline=small_mb,
            goal=at_most(30, "difference", "MB"),
            we=f"the server's largest resident memory after POST /api/async of {many:,} rows and its callback",
            they=f"the same server's before that, after reports of {ROWS} rows",
            same_work="yes, but for the rows",
        )
    ]


def _peaks_mb(bench: Bench, load: JobLoad, many: int) -> tuple[float, float]:
    folder = bench.folder / f"memory-{uuid4().hex[:8]}"
    with service(folder, DATABASE_URL=bench.database(), CALLBACK_ALLOWED_ORIGINS=load.allowed_origins) as server:
        load.run(server.base_url, SMALL_REPORTS)
        small_mb = server.peak_rss_mb()
        load.run(server.base_url, 1, rows=many)
        return small_mb, server.peak_rss_mb()
