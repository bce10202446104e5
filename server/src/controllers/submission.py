"""What both ways of submitting have in common: the parameters with their defaults, and their limits."""

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson

from src.services.benchmarks.gate import BenchmarkPass
from src.services.report_generator import ReportParameters, default_seed
from src.services.requests.records import IdempotencyKey

DEFAULT_PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A report asked for by somebody."""

    caller: str
    parameters: ReportParameters
    idempotency_key: IdempotencyKey | None
    #: The benchmark run that asks, if it is one.
    benchmark: BenchmarkPass | None = None

    @property
    def benchmark_run_id(self) -> UUID | None:
        """What the request is marked with."""
        return self.benchmark.run_id if self.benchmark else None


def fill_in(
    *,
    num_transactions: int,
    report_name: str,
    seed: int | None,
    period: tuple[date, date] | None,
    currency: str,
    today: date,
) -> ReportParameters:
    """Fill in what the caller left open: the seed from the name, the period from the day."""
    start, end = period or (today - DEFAULT_PERIOD, today)
    return ReportParameters(
        num_transactions=num_transactions,
        report_name=report_name,
        seed=default_seed(report_name) if seed is None else seed,
        period_start=start,
        period_end=end,
        currency=currency,
    )


def fingerprint(body: Any) -> bytes:
    """Hash a body in canonical form, so that neither the order of its fields nor its spacing matters."""
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()
