"""Reports by the csv module and by polars: the same columns, kinds of rows, exact totals, as chunks of bytes.

Rows are drawn with a random number generator from a seed (`random` and numpy's), so that a report can be made again.
Both come as chunks, so that the same storage hashes and writes them.
"""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from src.services.report_generator import ReportParameters, Totals
from src.services.reports.catalogue import lines

HEADER = ("Transaction ID", "Date", "Type", "Category", "Description", "Amount", "Currency")
CSV_CHUNK_ROWS = 4096
#: Of 20,000 to 500,000 tried, none was faster.
POLARS_CHUNK_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of row."""

    revenue: bool
    cells: tuple[str, str, str]
    low: int
    high: int


def _kinds() -> list[Kind]:
    return [Kind(line.revenue, _cells(line.text), line.low, line.high) for line in lines()]


def _cells(text: bytes) -> tuple[str, str, str]:
    kind, category, description = next(csv.reader([text.decode().removesuffix(",")]))
    return kind, category, description


KINDS = _kinds()


def with_csv(parameters: ReportParameters) -> Iterator[tuple[bytes, Totals]]:
    """Generate a report with the csv module."""
    rng = random.Random(parameters.seed)
    dates = _dates(parameters)
    for start in range(0, parameters.num_transactions, CSV_CHUNK_ROWS):
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not start:
            writer.writerow(HEADER)
        revenue = expenses = 0
        stop = min(start + CSV_CHUNK_ROWS, parameters.num_transactions)
        for number in range(start + 1, stop + 1):
            kind = KINDS[int(rng.random() * len(KINDS))]
            cents = kind.low + int(rng.random() * (kind.high - kind.low + 1))
            if kind.revenue:
                revenue += cents
            else:
                expenses += cents
            date = dates[int(rng.random() * len(dates))]
            amount = f"{cents // 100}.{cents % 100:02}"
            writer.writerow((f"TXN-{number:07}", date, *kind.cells, amount, parameters.currency))
        yield text.getvalue().encode(), Totals(stop - start, revenue, expenses)


def _dates(parameters: ReportParameters) -> list[str]:
    return [(parameters.period_start + timedelta(days=day)).isoformat() for day in range(parameters.days)]


class WithPolars:
    """Generates with polars, a frame for each chunk. Its import is left to whoever makes one: it takes 80 MB."""

    def __init__(self) -> None:
        import polars  # noqa: PLC0415

        self._pl = polars
        self._cells = [polars.Series(HEADER[2 + at], [kind.cells[at] for kind in KINDS]) for at in range(3)]
        self._lows = np.array([kind.low for kind in KINDS])
        self._spans = np.array([kind.high - kind.low + 1 for kind in KINDS])
        self._revenue = np.array([kind.revenue for kind in KINDS])

    def __call__(self, parameters: ReportParameters) -> Iterator[tuple[bytes, Totals]]:
        """Generate."""
        rng = np.random.default_rng(abs(parameters.seed))
        dates = self._pl.Series("Date", _dates(parameters))
        for start in range(0, parameters.num_transactions, POLARS_CHUNK_ROWS):
            rows = min(POLARS_CHUNK_ROWS, parameters.num_transactions - start)
            kind = rng.integers(0, len(KINDS), rows)
            cents = self._lows[kind] + (rng.random(rows) * self._spans[kind]).astype(np.int64)
            day = rng.integers(0, parameters.days, rows)
            revenue = int(cents[self._revenue[kind]].sum())
            columns = [dates.gather(day), *(cells.gather(kind) for cells in self._cells)]
            yield (
                self._csv(start, columns, cents, parameters.currency),
                Totals(rows, revenue, int(cents.sum()) - revenue),
            )

    def _csv(self, start: int, columns: Sequence[object], cents: NDArray[np.int64], currency: str) -> bytes:
        pl = self._pl
        numbers = pl.int_range(start + 1, start + 1 + len(cents), eager=True).cast(pl.String).str.zfill(7)
        frame = pl.DataFrame([("TXN-" + numbers).alias(HEADER[0]), *columns]).with_columns(
            pl.Series(HEADER[5], cents / 100), pl.lit(currency).alias(HEADER[6])
        )
        buffer = io.BytesIO()
        # Two decimals of a float are exact here: amounts have at most seven digits.
        frame.write_csv(buffer, include_header=not start, line_terminator="\r\n", float_precision=2)
        return buffer.getvalue()
