"""The environment of all measurements: a PostgreSQL for both sides, folders, and alternating rounds."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from src.postgres.embedded import EmbeddedPostgres
from tests.support.databases import create_database, create_template, folder_for_postgres

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sizes:
    """The amount of work; ratios stabilize sooner than figures, so a quick run is useful too."""

    quick: bool
    #: At least 3.
    rounds: int
    #: Of what is cheap.
    more_rounds: int
    load_s: int
    warm_up_s: int
    jobs: int
    #: Rows of a large report, and of a table.
    many_rows: int
    #: GET requests of each kind, to each server, in a round.
    reads: int


FULL = Sizes(quick=False, rounds=3, more_rounds=5, load_s=4, warm_up_s=1, jobs=500, many_rows=1_000_000, reads=60)
QUICK = Sizes(quick=True, rounds=3, more_rounds=3, load_s=2, warm_up_s=1, jobs=200, many_rows=100_000, reads=12)


@dataclass(frozen=True, slots=True)
class Bench:
    """One run.

    Attributes:
        sizes: how much is done.
        folder: for files; removed with everything in it at the end.
        postgres_url: the server that both sides use, each with databases of its own. Its settings are PostgreSQL's
            own defaults: every commit is on the disk.
    """

    sizes: Sizes
    folder: Path
    postgres_url: str

    def database(self) -> str:
        """Create an empty database with our schema; returns its URL."""
        return asyncio.run(create_database(self.postgres_url))


@contextmanager
def bench(sizes: Sizes) -> Iterator[Bench]:
    """Start PostgreSQL and create the folder; stop and remove both at the end."""
    with folder_for_postgres() as folder:
        postgres = EmbeddedPostgres(folder / "postgres")
        try:
            url = postgres.start()
            asyncio.run(create_template(url))
            yield Bench(sizes, folder, url)
        finally:
            postgres.stop()


def interleave(sides: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run every side once per round, in rotating order."""
    order = deque(sides.items())
    results: dict[str, list[T]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in order:
            results[name].append(run())
        order.rotate(1)
    return results


def say(*words: object) -> None:
    """Report progress on stderr; figures go to stdout."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)
