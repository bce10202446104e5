"""Creates the parts that run beside request processing: benchmarks, bulk redeliveries and the janitor."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.assembly.data import Data
from src.assembly.outbound import Outbound
from src.assembly.rules import redelivery_rates
from src.config import Settings
from src.services.benchmarks.gate import BenchmarkGate
from src.services.benchmarks.leftovers import BenchmarkLeftovers
from src.services.benchmarks.runner import BenchmarkRunner
from src.services.benchmarks.store import BenchmarkStore
from src.services.engine.protocol import Engine
from src.services.kit.supervision import Supervisor
from src.services.live.account_streams import AccountStreams
from src.services.requests.batch_changes import BatchChanges
from src.services.upkeep.janitor import Janitor
from src.services.upkeep.redelivering import Redelivering


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Benchmarks, bulk redeliveries and clean-up."""

    benchmarks: BenchmarkRunner
    benchmark_store: BenchmarkStore
    janitor: Janitor
    redelivering: Redelivering


def open_upkeep(
    settings: Settings,
    data: Data,
    outbound: Outbound,
    engine: Engine,
    stack: AsyncExitStack,
    streams: AccountStreams,
    gate: BenchmarkGate,
    *,
    now: Callable[[], datetime],
    tasks: Supervisor,
) -> Upkeep:
    """Create all of them; a benchmark still running at shutdown is stopped."""
    benchmark_store = BenchmarkStore(data.queries, data.slots)
    retention = timedelta(days=settings.retention_days) if settings.retention_days else None
    leftovers = BenchmarkLeftovers(benchmark_store, data.store, data.removal, now)
    janitor = Janitor(
        data.store,
        data.storage,
        data.removal,
        BatchChanges(data.store.fetch, data.observers),
        retention=retention,
        now=now,
        chores=[leftovers.clean_up],
    )
    benchmarks = BenchmarkRunner(
        store=benchmark_store,
        clean_up=leftovers.clean_up,
        gate=gate,
        publish=streams.publish,
        url=settings.own_url,
        signing_secrets=outbound.signing.scheme.secrets,
        now=now,
        tasks=tasks,
    )
    stack.push_async_callback(benchmarks.aclose)
    redelivering = Redelivering(data.redeliveries, redelivery_rates(settings), engine.redeliver, now)
    return Upkeep(benchmarks=benchmarks, benchmark_store=benchmark_store, janitor=janitor, redelivering=redelivering)
