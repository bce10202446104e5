"""Starting the parts of a service in order, and stopping them in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from src.assembly.accepting import Accepting, open_accepting
from src.assembly.data import Data, open_data
from src.assembly.engine import open_engine
from src.assembly.identity import Identity, open_identity
from src.assembly.live import Live, Views, open_live
from src.assembly.outbound import Outbound, open_outbound
from src.assembly.signing import Signing
from src.assembly.upkeep import Upkeep, open_upkeep
from src.config import Settings
from src.controllers.metrics_controller import take_snapshot
from src.logs import log_loop_errors
from src.services.benchmarks.gate import BenchmarkGate
from src.services.demo.receiver import DemoReceiver, DemoReceivers
from src.services.engine.priority_cycle import PriorityCycle
from src.services.engine.protocol import Engine
from src.services.identity.callback_policies import CallbackPolicies
from src.services.kit.clock import SteadyClock
from src.services.kit.supervision import Supervisor, Work
from src.services.metrics.last_hour import LastHour
from src.services.metrics.metrics import Metrics
from src.services.metrics.snapshot import measure_loop_lag, table_figures
from src.services.outbound.transport import Network
from src.services.parts import BatchParts, DownloadParts, Parts, SyncParts, WebhookParts
from src.services.report_files.production import SimulatedWork
from src.services.requests.batch_changes import BatchChanges
from src.services.requests.in_flight import InFlight
from src.services.requests.observers import Observers


@asynccontextmanager
async def running_parts(
    settings: Settings,
    network: Network,
    *,
    views: Views,
    policies: CallbackPolicies,
    gate: BenchmarkGate,
    metrics: Metrics,
    traces: Observers,
) -> AsyncIterator[Parts]:
    """Start the service and yield its parts; on exit, stop it without losing anything acknowledged.

    Args:
        settings: the configuration.
        network: access to receivers.
        views: serializers of rows in events.
        policies: which callback URLs each owner may use.
        gate: authenticates benchmark runs.
        metrics: counts events.
        traces: record the spans of requests.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached or started.
        NotStarted: the configuration has to be fixed first; the message says how.
    """
    async with AsyncExitStack() as stack:
        asyncio.get_running_loop().set_exception_handler(log_loop_errors)
        tasks = Supervisor(now := SteadyClock())
        data = await open_data(settings, stack, metrics, traces)
        outbound = await open_outbound(settings, network, policies, data.store.fetch, stack, now=now)
        simulated_work = SimulatedWork(settings.simulated_ms_per_transaction, settings.simulated_max_seconds)
        priorities = PriorityCycle.of(settings.priority_shares)
        engine = await open_engine(data, outbound, simulated_work, priorities, metrics, stack, now=now, tasks=tasks)
        identity, in_flight = open_identity(settings, data, policies, outbound, now=now), InFlight()
        live = open_live(data, identity, engine, in_flight, views)
        upkeep = open_upkeep(settings, data, outbound, engine, stack, live.streams, gate, now=now, tasks=tasks)
        await _start_tasks(data, identity, live, upkeep, partial(measure_loop_lag, metrics), tasks, stack)
        accepting = open_accepting(settings, data, in_flight, stack, on_accepted=engine.wake, now=now)
        opened = _Opened(data, identity, outbound, engine, priorities, live, upkeep, accepting, LastHour(metrics, now))
        yield _observed(_parts(settings, opened, simulated_work, now=now, tasks=tasks), stack)


@dataclass(frozen=True, slots=True)
class _Opened:
    data: Data
    identity: Identity
    outbound: Outbound
    engine: Engine
    priorities: PriorityCycle
    live: Live
    upkeep: Upkeep
    accepting: Accepting
    last_hour: LastHour


def _parts(settings: Settings, opened: _Opened, work: SimulatedWork, *, now: SteadyClock, tasks: Supervisor) -> Parts:
    data, outbound, accepting = opened.data, opened.outbound, opened.accepting
    return Parts(
        tasks=tasks,
        database=data.database,
        identity=opened.identity.parts,
        store=data.store,
        reader=data.reader,
        observers=data.observers,
        completions=data.completions,
        wait_max_s=settings.prefer_wait_max_seconds,
        sync=_sync_parts(data, accepting, work, now),
        downloads=_download_parts(settings, data),
        storage=data.storage,
        removal=data.removal,
        engine=opened.engine,
        priorities=opened.priorities,
        attempt_ends_within=timedelta(seconds=settings.callback_timeout_seconds),
        local_lacks=outbound.lacks,
        streams=opened.live.streams,
        pinger=outbound.pinger,
        webhooks=_webhook_parts(outbound.signing),
        demo_receivers=DemoReceivers(partial(DemoReceiver, now=now, wall_s=time.time)),
        batches=_batch_parts(data, accepting),
        redeliveries=data.redeliveries,
        redelivering=opened.upkeep.redelivering,
        benchmarks=opened.upkeep.benchmarks,
        benchmark_store=opened.upkeep.benchmark_store,
        threads=data.threads,
        connections=data.connections,
        table_figures=table_figures(data.reader, now),
        last_hour=opened.last_hour,
        lane_ids=data.lane_ids,
        sync_max_transactions=settings.sync_max_transactions,
        async_max_transactions=settings.async_max_transactions,
        now=now,
        started_at=now(),
        stopping=accepting.stopping,
    )


def _observed(parts: Parts, stack: AsyncExitStack) -> Parts:
    """Add what all of them do to the last hour, for as long as they run."""
    look = partial(take_snapshot, parts, whoever_leads=True)
    stack.push_async_callback(_cancel, parts.tasks.start("last hour", partial(parts.last_hour.run, look)))
    return parts


def _sync_parts(data: Data, accepting: Accepting, simulated_work: SimulatedWork, now: SteadyClock) -> SyncParts:
    return SyncParts(
        batcher=accepting.batcher,
        finisher=accepting.finisher,
        failer=accepting.failer,
        in_flight=accepting.in_flight,
        storage=data.storage,
        threads=data.threads,
        simulated_work=simulated_work,
        now=now,
    )


def _batch_parts(data: Data, accepting: Accepting) -> BatchParts:
    changes = BatchChanges(data.store.fetch, data.observers)
    return BatchParts(store=data.batches, changes=changes, accepter=accepting.batch_accepter)


def _webhook_parts(signing: Signing) -> WebhookParts:
    return WebhookParts(
        store=signing.store,
        known=signing.known,
        signers=signing.signers,
        public_keys=signing.public_keys,
        unnamed_secret=signing.scheme.secrets[0],
        links=signing.links,
    )


def _download_parts(settings: Settings, data: Data) -> DownloadParts:
    return DownloadParts(
        reader=data.reader,
        store=data.store,
        storage=data.storage,
        threads=data.threads,
        signed_url_s=settings.storage_signed_url_seconds if settings.storage_downloads == "auto" else None,
    )


async def _start_tasks(
    data: Data,
    identity: Identity,
    live: Live,
    upkeep: Upkeep,
    measure_lag: Work,
    tasks: Supervisor,
    stack: AsyncExitStack,
) -> None:
    for name, work in (
        ("database", data.heal),
        ("janitor", upkeep.janitor.run),
        ("removal of reports", data.removal.run),
        ("redeliveries", upkeep.redelivering.run),
        ("change notifier", data.changes.run),
        ("change listener", live.listener.run),
        ("completions", data.completions.run),
        ("live events", live.updates.run),
        ("batch events", live.batches.run),
        ("account events", live.streams.run),
        ("last use of keys", identity.last_use.run),
        ("webhook secrets", identity.signing.missing.run),
        ("sessions", identity.parts.sessions.run),
        ("queue events", live.updates.tell_of_the_queue),
        ("queue depths", data.reader.recent_depths.run),
        ("event loop lag", measure_lag),
    ):
        stack.push_async_callback(_cancel, tasks.start(name, work))
    await live.until_it_listens()


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
