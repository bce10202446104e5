"""Generates reports from their parameters. Pure: no clock, disk, network or state; shared by sync and async requests.

A report is CSV with one transaction per row. Row `i` is derived from one 64-bit hash of (seed, i) in integer
arithmetic alone, so the same parameters yield the same bytes in every process, on every platform, with every version
of Python and numpy, in chunks of any size.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from src.services.reports.currencies import CURRENCIES, decimal_string
from src.services.reports.rows import LineTable, date_table, line_table, write_rows

CHUNK_ROWS = 4096
"""Rows per chunk. The arrays of one chunk fit the processor's cache, and numpy releases the GIL every few microseconds.
Measured, ns per row: 1,024 rows 98, 2,048 52, 4,096 43, 8,192 41, 16,384 74."""

TRANSACTIONS_MAX = 9_999_999  # a transaction's number has seven digits
PERIOD_DAYS_MAX = 36_600  # the table of its dates has 32 bytes per day
SEED_MAX = 2**53 - 1  # the range of integers that is interoperable in JSON (RFC 8259, section 6)
#: Ends today; applies if no period is requested.
DEFAULT_PERIOD = timedelta(days=30)
#: The seeds of so many names, mostly those of one batch.
NAMES_REMEMBERED_MAX = 1_024

_HEADER = b"Transaction ID,Date,Type,Category,Description,Amount,Currency\r\n"


class Asked(Protocol):
    """The parameters of a request, within the bounds of `ReportParameters`; None selects the default."""

    @property
    def num_transactions(self) -> int:
        """Number of rows."""

    @property
    def report_name(self) -> str:
        """Only data; does not appear in the file."""

    @property
    def seed(self) -> int | None:
        """Determines the rows; by default derived from the name."""

    @property
    def period(self) -> tuple[date, date] | None:
        """The first day and the day after the last."""

    @property
    def currency(self) -> str:
        """A code in `CURRENCIES`."""


@dataclass(frozen=True, slots=True)
class ReportParameters:
    """The complete input of a report.

    Attributes:
        num_transactions: number of rows, 1 to `TRANSACTIONS_MAX`.
        report_name: only data; does not appear in the file.
        seed: determines the rows, -`SEED_MAX` to `SEED_MAX`.
        period_start: the first day.
        period_end: the day after the last, at most `PERIOD_DAYS_MAX` days later.
        currency: a code in `CURRENCIES`.

    Raises:
        ValueError: one of them is out of bounds.
    """

    num_transactions: int
    report_name: str
    seed: int
    period_start: date
    period_end: date
    currency: str

    def __post_init__(self) -> None:
        if not 1 <= self.num_transactions <= TRANSACTIONS_MAX:
            raise ValueError(f"num_transactions is not 1 to {TRANSACTIONS_MAX}")
        if abs(self.seed) > SEED_MAX:
            raise ValueError(f"seed is not -{SEED_MAX} to {SEED_MAX}")
        if not 1 <= self.days <= PERIOD_DAYS_MAX:
            raise ValueError(f"the period does not have 1 to {PERIOD_DAYS_MAX} days")
        if self.currency not in CURRENCIES:
            raise ValueError("currency is not an ISO 4217 code with a minor unit")

    @classmethod
    def of(cls, asked: Asked, today: date) -> Self:
        """Create the parameters of a request, with defaults for what it leaves out."""
        start, end = asked.period or (today - DEFAULT_PERIOD, today)
        return cls(
            num_transactions=asked.num_transactions,
            report_name=asked.report_name,
            seed=default_seed(asked.report_name) if asked.seed is None else asked.seed,
            period_start=start,
            period_end=end,
            currency=asked.currency,
        )

    @property
    def days(self) -> int:
        """Length of the period in days."""
        return (self.period_end - self.period_start).days

    def to_json(self) -> dict[str, Any]:
        """Return the stored form, as JSON values."""
        return {
            "num_transactions": self.num_transactions,
            "report_name": self.report_name,
            "seed": self.seed,
            "period_start": self.period_start.isoformat(),
            "period_end": self.period_end.isoformat(),
            "currency": self.currency,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Create parameters from the result of `to_json`; other keys are ignored.

        Raises:
            KeyError: a key is missing.
            ValueError: a value is out of bounds or not a date.
        """
        return cls(
            num_transactions=stored["num_transactions"],
            report_name=stored["report_name"],
            seed=stored["seed"],
            period_start=date.fromisoformat(stored["period_start"]),
            period_end=date.fromisoformat(stored["period_end"]),
            currency=stored["currency"],
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact sums over rows, in minor units of the currency."""

    transactions: int = 0
    revenue: int = 0
    expenses: int = 0

    @property
    def net(self) -> int:
        """Revenue minus expenses; may be negative."""
        return self.revenue - self.expenses

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.transactions + other.transactions,
            self.revenue + other.revenue,
            self.expenses + other.expenses,
        )

    def summary(self, currency: str) -> dict[str, int | str]:
        """Return the totals as the API shows them: amounts as decimal strings with the currency's minor digits."""
        return {
            "total_transactions": self.transactions,
            "total_revenue": decimal_string(self.revenue, currency),
            "total_expenses": decimal_string(self.expenses, currency),
            "net_income": decimal_string(self.net, currency),
            "currency": currency,
        }


@lru_cache(NAMES_REMEMBERED_MAX)
def default_seed(report_name: str) -> int:
    """Return the seed of a report that was requested without one: the first 53 bits of the name's SHA-256."""
    return int.from_bytes(hashlib.sha256(report_name.encode()).digest()[:8], "big") >> 11


def generate(parameters: ReportParameters, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[tuple[bytes, Totals]]:
    """Generate a report in chunks; thread-safe.

    Args:
        parameters: the input.
        chunk_rows: rows per chunk; affects speed and memory, never the bytes.

    Yields:
        The next bytes of the CSV file, always complete rows (the first chunk begins with the header), and the totals
        of these rows.

    Raises:
        ValueError: `chunk_rows` is below 1.
    """
    if chunk_rows < 1:
        raise ValueError("chunk_rows is below 1")
    stream = _mix(np.array([parameters.seed % 2**64], np.uint64))
    table = line_table(CURRENCIES[parameters.currency])
    dates = date_table(parameters.period_start, parameters.days)
    for start in range(0, parameters.num_transactions, chunk_rows):
        stop = min(start + chunk_rows, parameters.num_transactions)
        numbers = np.arange(start + 1, stop + 1, dtype=np.int64)
        line, day, amount = _draw(_hashes(stream, numbers), table, parameters.days)
        rows = write_rows(numbers, dates.take(day), table=table, line=line, amount=amount, currency=parameters.currency)
        yield rows if start else _HEADER + rows, _totals(line, amount, table.revenue_lines)


def _hashes(stream: NDArray[np.uint64], numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the outputs of SplitMix64 at these positions of a stream, counted from 1.

    SplitMix64 is a counter and a finaliser, so any position can be computed on its own: Steele, Lea and Flood,
    "Fast splittable pseudorandom number generators", OOPSLA 2014; https://prng.di.unimi.it/splitmix64.c.

    Args:
        stream: the initial state, one word. It is a mixed seed: two plain seeds that differ by a multiple of the
            counter's increment would share rows.
        numbers: the positions.
    """
    return _mix(numbers.view(np.uint64) * 0x9E3779B97F4A7C15 + stream)


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Apply SplitMix64's finaliser in place; products wrap at 64 bits."""
    words ^= words >> 30
    words *= 0xBF58476D1CE4E5B9
    words ^= words >> 27
    words *= 0x94D049BB133111EB
    words ^= words >> 31
    return words


def _draw(
    hashes: NDArray[np.uint64], table: LineTable, days: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Split each hash into 10 bits for the line, 22 for the day and 32 for the amount.

    `bits * n >> width` maps bits to a number below n without division or rejection.

    Returns:
        For each row the index of its line, the index of its day, and its amount in minor units.
    """
    line = (hashes >> 54).view(np.int64)
    day = ((hashes >> 32 & 0x3FFFFF) * days >> 22).view(np.int64)
    amount = (hashes & 0xFFFFFFFF).view(np.int64)
    amount *= table.spans.take(line)
    amount >>= 32
    amount += table.lows.take(line)
    return line, day, amount


def _totals(line: NDArray[np.int64], amount: NDArray[np.int64], revenue_lines: int) -> Totals:
    revenue = int(amount.dot(line < revenue_lines))
    return Totals(len(amount), revenue, int(amount.sum()) - revenue)
