"""Use cases of benchmarks: start, list, read, compare, stop, delete."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from src.errors import Conflict, Invalid, NotFound, Unavailable
from src.services.benchmarks.process import LoadOrder
from src.services.benchmarks.runner import BenchmarkRunner
from src.services.benchmarks.store import BenchmarkStore
from src.services.identity.caller import Owner, View

RUNS_LISTED_MAX = 100
MODES = ("sync", "async")
#: The fields of the summary that two runs are compared by, and whether a higher value is better; None: neither.
MEASURES = {
    "total_requests": None,
    "failed": False,
    "throughput_per_s": True,
    "duration_ms": False,
    "client_blocked_ms": False,
    "avg_latency_ms": False,
    "p50_ms": False,
    "p95_ms": False,
    "p99_ms": False,
    "max_latency_ms": False,
    "callbacks_received": None,
    "callbacks_missing": False,
    "p50_callback_ms": False,
    "p95_callback_ms": False,
    "p99_callback_ms": False,
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One measure of two runs; `change_percent` is null if it is not defined (no value, or a is 0)."""

    mode: str
    measure: str
    a: float | None
    b: float | None
    change_percent: float | None
    #: Whether b is better than a; null if neither is.
    better: bool | None


async def begin(runner: BenchmarkRunner, order: LoadOrder, owner: Owner, *, sync_transactions_max: int) -> UUID:
    """Start a benchmark of this server, and return its id.

    Raises:
        Invalid: its reports exceed the limit of sync requests.
        Conflict: another one is running.
    """
    if order.mode != "async" and order.num_transactions > sync_transactions_max:
        raise Invalid(
            f"A sync report has at most {sync_transactions_max:,} transactions (SYNC_MAX_TRANSACTIONS).",
            "/num_transactions",
        )
    return await runner.begin(order, owner.account)


async def finish(runner: BenchmarkRunner, runs: BenchmarkStore, view: View, run_id: UUID) -> dict[str, Any]:
    """Wait for a run started by this process, and return its summary.

    Raises:
        NotFound: it was deleted in the meantime.
        Unavailable: it has no result; the detail says why.
    """
    await runner.wait(run_id)
    run = await get(runs, view, run_id)
    if run.summary is None:
        raise Unavailable(run.failure_reason or "The benchmark has no result.")
    summary: dict[str, Any] = run.summary
    return summary


async def result(runs: BenchmarkStore, view: View, run_id: UUID) -> dict[str, Any]:
    """Return the summary of a run.

    Raises:
        NotFound: there is no such run.
        Conflict: it has no result, or none yet.
    """
    run = await get(runs, view, run_id)
    if run.summary is None:
        raise Conflict("The benchmark has no result, or none yet.")
    summary: dict[str, Any] = run.summary
    return summary


async def list_runs(runs: BenchmarkStore, view: View, now: datetime) -> Sequence[Row[Any]]:
    """Return up to `RUNS_LISTED_MAX` runs, newest first."""
    await runs.fail_abandoned(now)
    return await runs.newest(RUNS_LISTED_MAX, view)


async def get(runs: BenchmarkStore, view: View, run_id: UUID) -> Row[Any]:
    """Return one run.

    Raises:
        NotFound: there is no such run.
    """
    run = await runs.get(run_id, view)
    if run is None:
        raise NotFound("There is no benchmark run with this id.")
    return run


async def stop(runner: BenchmarkRunner, runs: BenchmarkStore, view: View, run_id: UUID) -> Row[Any]:
    """End a run early, keep what it has measured, and return it.

    Raises:
        NotFound: there is no such run.
        Conflict: it is not running in this process.
    """
    await get(runs, view, run_id)
    await runner.stop(run_id)
    return await get(runs, view, run_id)


async def delete(runs: BenchmarkStore, view: View, run_id: UUID) -> None:
    """Delete a run that has ended.

    Raises:
        NotFound: there is no such run.
        Conflict: it is running.
    """
    if not await runs.delete(run_id, view):
        await get(runs, view, run_id)
        raise Conflict("The benchmark is under way; stop it first.")


async def compare(runs: BenchmarkStore, view: View, a: UUID, b: UUID) -> tuple[Row[Any], Row[Any], list[Measured]]:
    """Return two runs and their comparison, measure by measure.

    Raises:
        NotFound: one does not exist.
        Conflict: one has no result.
    """
    first, second = await get(runs, view, a), await get(runs, view, b)
    if first.summary is None or second.summary is None:
        raise Conflict("Only runs that have a result can be compared.")
    return first, second, list(_side_by_side(first.summary, second.summary))


def _side_by_side(first: dict[str, Any], second: dict[str, Any]) -> Iterator[Measured]:
    for mode in MODES:
        a, b = first.get(mode) or {}, second.get(mode) or {}
        for measure, more_is_better in MEASURES.items():
            if measure in a or measure in b:
                yield _measured(mode, measure, a.get(measure), b.get(measure), more_is_better)


def _measured(mode: str, measure: str, a: float | None, b: float | None, more_is_better: bool | None) -> Measured:  # noqa: FBT001  a column of the table
    if a is None or b is None:
        return Measured(mode, measure, a, b, None, None)
    better = None if more_is_better is None or a == b else (b > a) is more_is_better
    return Measured(mode, measure, a, b, round((b - a) / a * 100, 1) if a else None, better)
