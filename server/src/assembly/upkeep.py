"""Creates the parts that run beside request processing: benchmarks and the janitor."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.assembly.data import Data
from src.assembly.outbound import Outbound
from src.config import Settings
from src.services.benchmarks.gate import BenchmarkGate
from src.services.benchmarks.leftovers import BenchmarkLeftovers
from src.services.benchmarks.runner import BenchmarkRunner
from src.services.benchmarks.store import BenchmarkStore
from src.services.kit.supervision import Supervisor
from src.services.live.event_bus import EventBus
from src.services.upkeep.janitor import Janitor


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Benchmarks and clean-up."""

    benchmarks: BenchmarkRunner
    benchmark_store: BenchmarkStore
    janitor: Janitor


def open_upkeep(
    settings: Settings,
    data: Data,
    outbound: Outbound,
    stack: AsyncExitStack,
    *,
    events: EventBus,
    gate: BenchmarkGate,
    now: Callable[[], datetime],
    tasks: Supervisor,
) -> Upkeep:
    """Create both; a benchmark still running at shutdown is stopped."""
    benchmark_store = BenchmarkStore(data.queries, data.slots)
    retention = timedelta(days=settings.retention_days) if settings.retention_days else None
    leftovers = BenchmarkLeftovers(benchmark_store, data.store, data.removal, now)
    janitor = Janitor(data.store, data.storage, data.removal, retention=retention, now=now, chores=[leftovers.clean_up])
    benchmarks = BenchmarkRunner(
        store=benchmark_store,
        clean_up=leftovers.clean_up,
        gate=gate,
        bus=events,
        url=settings.own_url,
        signing_secrets=outbound.secrets,
        now=now,
        tasks=tasks,
    )
    stack.push_async_callback(benchmarks.aclose)
    return Upkeep(benchmarks=benchmarks, benchmark_store=benchmark_store, janitor=janitor)
