"""`make bench`: measures our service beside what people would use instead, and compares with the last stored run.

Load, receivers, both sides and PostgreSQL share one machine. So figures say little and ratios much: both sides of a
ratio run in turns, in the same minutes.
"""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence

from bench import (
    accept,
    batches,
    end_to_end,
    generation,
    many_rows,
    memory,
    object_storage,
    start,
    sync,
    under_load,
    waiters,
    watchers,
)
from bench.figures import Row
from bench.harness import FULL, QUICK, Bench, bench, say
from bench.results import Store, explanations, table
from src.config import SERVER_FOLDER

GROUPS: dict[str, Callable[[Bench], Sequence[Row]]] = {
    "accept": accept.measure,
    "batches": batches.measure,
    "end_to_end": end_to_end.measure,
    "generation": generation.measure,
    "memory": memory.measure,
    "object_storage": object_storage.measure,
    "under_load": under_load.measure,
    "watchers": watchers.measure,
    "waiters": waiters.measure,
    "sync": sync.measure,
    "many_rows": many_rows.measure,
    "start": start.measure,
}
PROGRAMS = ("redis-server", "wrk")
EXIT_PROGRAM_MISSING = 2
EXIT_INTERRUPTED = 130
BUILD_FOLDER = SERVER_FOLDER.parent / "build"


def main() -> int:
    """Run the measurements; a missed goal is not a failure."""
    options = _parse()
    if missing := [program for program in PROGRAMS if shutil.which(program) is None]:
        print(f"make bench needs {' and '.join(missing)} on PATH; on Debian: apt-get install {' '.join(missing)}")
        return EXIT_PROGRAM_MISSING
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # every child is ended then, too
    sizes = QUICK if options.quick else FULL
    say(f"the machine's load before anything is measured: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    rows: list[Row] = []
    with bench(sizes) as run:
        for name in options.only or GROUPS:
            say(f"{name} …")
            rows += GROUPS[name](run)
    print(table(rows), explanations(rows), Store(BUILD_FOLDER).save(rows, quick=sizes.quick), sep="\n\n")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, smaller tables")
    parser.add_argument("--only", nargs="+", choices=GROUPS, metavar="GROUP", help=f"some of: {', '.join(GROUPS)}")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
