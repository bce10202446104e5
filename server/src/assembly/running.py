"""Building the service from its settings, starting its parts in order and stopping them in reverse."""

import asyncio
import logging
import os
import queue
import ssl
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import lru_cache, partial

from sqlalchemy.ext.asyncio import AsyncEngine

from src.config import Settings
from src.database import connect, create_engine, create_pool
from src.database_start import check_database, prepare_schema
from src.errors import DatabaseAway
from src.logs import log_loop_errors
from src.postgres.embedded import EmbeddedPostgres
from src.services.background_worker import BackgroundWorker
from src.services.benchmarks.gate import BenchmarkGate
from src.services.benchmarks.runner import BenchmarkRunner
from src.services.benchmarks.store import BenchmarkStore
from src.services.delivery.lane_ids import LaneIds
from src.services.delivery.pace import DeliveryPace, parse_rate
from src.services.delivery.sender import CallbackSender, DeliveryRules
from src.services.delivery.signing import Signer
from src.services.delivery.signing_secrets import kept_secret
from src.services.demo.receiver import DemoReceiver
from src.services.engine.queue_feed import QueueFeed
from src.services.kit.clock import SteadyClock
from src.services.kit.group_commit import GroupCommit
from src.services.kit.supervision import Supervisor
from src.services.live.event_bus import EventBus
from src.services.live.live_updates import LiveUpdates, Show
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl, parse_origin
from src.services.outbound.client import LocalLacks, ReceiverClient
from src.services.outbound.guard import CallbackGuard, ThreadResolver
from src.services.outbound.tls import OwnAuthorities, tls_context
from src.services.outbound.transport import Network
from src.services.parts import Parts
from src.services.report_files.private_folders import make_data_folder
from src.services.report_files.production import SimulatedWork
from src.services.report_files.storage import ReportStorage
from src.services.requests.accept_batcher import AcceptBatcher
from src.services.requests.changes import ChangeListener, ChangeNotifier, Changes, announce
from src.services.requests.database_condition import DatabaseCondition
from src.services.requests.in_flight import InFlight
from src.services.requests.read_slots import ReadSlots
from src.services.requests.reader import RequestReader
from src.services.requests.records import Job
from src.services.requests.store import RequestStore
from src.services.upkeep.janitor import Janitor

#: Jobs in memory; those beyond wait in the table.
QUEUE_JOBS_MAX = 1_000
#: Sync reports generated, files hashed or deleted at the same moment.
BLOCKING_THREADS_MAX = 8
SERVER_CONNECTIONS_MAX = 6
WORKER_CONNECTIONS_MAX = 4
CHECKED_URLS_MAX = 4_096
DATABASE_CHECKED_EVERY_S = 2.0
LISTENING_WITHIN_S = 5.0
SYNC_RESULTS_IN_ONE_TRANSACTION_MAX = 128
#: For sync requests that the stop interrupts, to say in the database that they are over.
SYNC_ENDS_WITHIN_S = 3.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def running_parts(
    settings: Settings, network: Network, *, show_request: Show, show_attempt: Show, gate: BenchmarkGate
) -> AsyncIterator[Parts]:
    """Start everything; on leaving, stop it: nothing that was acknowledged is lost either way.

    Args:
        settings: how.
        network: the ways to receivers.
        show_request: a row of requests, as events show it.
        show_attempt: a row of the callback log, as events show it.
        gate: lets benchmarks pass.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached or started.
        NotStarted: something has to be mended first.
    """
    async with AsyncExitStack() as stack:
        make_data_folder(settings.data_dir)
        storage = ReportStorage(settings.reports_folder)
        storage.prepare()
        postgres, url = await _found_database(settings, stack)
        engine = await _ready_engine(url, stack)
        pool = await create_pool(url, connections_max=SERVER_CONNECTIONS_MAX)
        stack.callback(pool.terminate)

        now = SteadyClock()
        asyncio.get_running_loop().set_exception_handler(log_loop_errors)
        tasks = Supervisor(now)
        slots = ReadSlots()
        database = DatabaseCondition(engine, slots)
        reader = RequestReader(engine, slots)
        changes = ChangeNotifier(partial(announce, pool))
        store = RequestStore(pool, changes, on_away=database.note)
        threads = ThreadPoolExecutor(BLOCKING_THREADS_MAX, thread_name_prefix="blocking")
        stack.callback(threads.shutdown)
        simulated_work = SimulatedWork(settings.simulated_ms_per_transaction, settings.simulated_max_seconds)
        # Callers name the same few URLs again and again; reading one carefully takes as long as a small report.
        check_url = lru_cache(CHECKED_URLS_MAX)(callback_policy(settings).check)
        secrets = given_secrets(settings) or [kept_secret(settings.data_dir)]
        signer = Signer(secrets)
        lacks, resolver = LocalLacks(), ThreadResolver(network.lookup)
        stack.callback(resolver.close)
        jobs: queue.Queue[Job] = queue.Queue(QUEUE_JOBS_MAX)
        worker = BackgroundWorker(
            jobs,
            storage=storage,
            simulated_work=simulated_work,
            changes=changes,
            create_pool=partial(create_pool, url, connections_max=WORKER_CONNECTIONS_MAX),
            connect=partial(connect, url),
            create_sender=_sender_factory(settings, network, check_url, signer, now, resolver=resolver, lacks=lacks),
            now=now,
            tasks=tasks,
            on_away=database.note,
        )
        feed = QueueFeed(store, jobs, on_put=worker.wake)
        worker.start(feed)
        stack.push_async_callback(_stop_worker, worker)
        events = EventBus()
        retention = timedelta(days=settings.retention_days) if settings.retention_days else None
        live = LiveUpdates(
            reader,
            events,
            busy_with=lambda: worker.state().busy_with,
            show_request=show_request,
            show_attempt=show_attempt,
        )

        benchmark_store = BenchmarkStore(engine, slots)
        janitor = Janitor(store, benchmark_store, storage, retention=retention, now=now)
        benchmarks = BenchmarkRunner(
            store=benchmark_store,
            clean_up=janitor.clean_up_benchmarks,
            gate=gate,
            bus=events,
            url=settings.own_url,
            signing_secrets=secrets,
            now=now,
            tasks=tasks,
        )
        stack.push_async_callback(benchmarks.aclose)

        async def on_changes(changes: Changes) -> None:
            feed.wake()  # another process may have accepted something
            worker.receivers_changed(changes.receivers)
            live.tell(changes)

        listener = ChangeListener(partial(connect, url), on_changes=on_changes, on_gap=live.tell_of_a_gap)
        for name, work in (
            ("database", partial(_heal, postgres, database)),
            ("feed", feed.run),
            ("janitor", janitor.run),
            ("change notifier", changes.run),
            ("change listener", listener.run),
            ("live events", live.run),
            ("queue events", live.tell_of_the_queue),
        ):
            stack.push_async_callback(_cancel, tasks.start(name, work))

        await _until_it_listens(listener)

        stopping, in_flight = asyncio.Event(), InFlight()
        batcher = AcceptBatcher(
            store,
            pending_max=settings.max_pending_requests,
            pending_per_caller_max=settings.max_pending_per_caller,
            receivers_per_caller_max=settings.max_receivers_per_caller,
            on_accepted=feed.wake,
            now=now,
        )
        stack.push_async_callback(batcher.drain)
        stack.push_async_callback(in_flight.drain, SYNC_ENDS_WITHIN_S)
        stack.callback(stopping.set)
        yield Parts(
            tasks=tasks,
            database=database,
            store=store,
            reader=reader,
            batcher=batcher,
            finisher=GroupCommit(store.finish, items_max=SYNC_RESULTS_IN_ONE_TRANSACTION_MAX),
            failer=GroupCommit(store.fail_sync, items_max=SYNC_RESULTS_IN_ONE_TRANSACTION_MAX),
            in_flight=in_flight,
            storage=storage,
            worker=worker,
            local_lacks=lacks,
            events=events,
            signing_secret=secrets[0],
            demo_receiver=DemoReceiver(signer, now=now, wall_s=time.time),
            benchmarks=benchmarks,
            benchmark_store=benchmark_store,
            threads=threads,
            check_callback_url=check_url,
            lane_ids=LaneIds(await reader.lane_secret()),
            simulated_work=simulated_work,
            sync_max_transactions=settings.sync_max_transactions,
            async_max_transactions=settings.async_max_transactions,
            now=now,
            started_at=now(),
            stopping=stopping,
        )


def callback_policy(settings: Settings) -> CallbackPolicy:
    """Read which URLs may be called.

    Raises:
        ValueError: a setting is not an origin; the sentence says which part is wrong.
    """
    try:
        origins = frozenset(parse_origin(origin) for origin in settings.callback_allowed_origins)
    except ValueError as error:
        raise ValueError(f"CALLBACK_ALLOWED_ORIGINS: {error}.") from None
    return CallbackPolicy(origins, settings.demo_receiver_url if settings.demo_tools else None)


def own_authorities(settings: Settings) -> OwnAuthorities:
    """Read which authorities are trusted for receivers beside the usual ones.

    Raises:
        ValueError: a file cannot be read or holds no certificate; the sentence says which.
    """
    own = OwnAuthorities(settings.ssl_cert_file, settings.ssl_cert_dir)
    try:
        own.add_to(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except ValueError as error:
        raise ValueError(f"{error}.") from None
    return own


def given_secrets(settings: Settings) -> list[str]:
    """Read the signing secrets that are set.

    Raises:
        ValueError: one is malformed; the sentence says which by its place and never shows it.
    """
    secrets = [secret.get_secret_value() for secret in settings.webhook_signing_secrets]
    try:
        if secrets:
            Signer(secrets)
    except ValueError as error:
        raise ValueError(f"WEBHOOK_SIGNING_SECRETS: {error}.") from None
    return secrets


def _sender_factory(
    settings: Settings,
    network: Network,
    check_url: Callable[[str, bool], CallbackUrl],
    signer: Signer,
    now: SteadyClock,
    *,
    resolver: ThreadResolver,
    lacks: LocalLacks,
) -> Callable[[RequestStore], CallbackSender]:
    """Make the sender on the worker's loop: its guard's lookups and its connections belong there, in every term."""
    tls = tls_context(own_authorities(settings))  # reads all authorities, some 37 ms; shared by all connections
    if proxies := _proxies_of_the_environment():
        log.info("%s: ignored for callbacks, which go straight to the address that was checked.", proxies)
    pace = DeliveryPace(parse_rate(settings.callback_rate_per_receiver))  # not begun again with each term

    guard = CallbackGuard(resolver)

    def create(store: RequestStore) -> CallbackSender:
        rules = DeliveryRules(
            base_url=settings.public_base_url,
            retry_delays_s=settings.callback_retry_delays,
            timeout_s=settings.callback_timeout_seconds,
            probe_after_s=settings.callback_probe_seconds,
            expires_after=timedelta(hours=settings.callback_expiry_hours),
        )
        return CallbackSender(
            store=store,
            connect=lambda receiver: ReceiverClient(receiver, guard, tls, network.open_socket, lacks=lacks),
            check_url=check_url,
            locate=guard.locate,
            signer=signer,
            rules=rules,
            now=now,
            pace=pace,
        )

    return create


def _proxies_of_the_environment() -> str:
    """Name the variables that other programs take a proxy from; not their values, which may hold a password."""
    names = (f"{scheme}_proxy" for scheme in ("http", "https", "all"))
    return ", ".join(given for name in names for given in (name, name.upper()) if os.environ.get(given))


async def _until_it_listens(listener: ChangeListener) -> None:
    """Wait a moment: whoever watches from the first moment is to hear of everything from the first moment."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LISTENING_WITHIN_S):
            await listener.listening.wait()


async def _found_database(settings: Settings, stack: AsyncExitStack) -> tuple[EmbeddedPostgres | None, str]:
    """Find the database that is set, or start the embedded one; returns it, and its URL."""
    if settings.database_url:
        await check_database(settings.database_url)
        return None, settings.database_url
    postgres = EmbeddedPostgres(settings.data_dir / "postgres")
    stack.push_async_callback(asyncio.to_thread, postgres.stop)
    return postgres, await asyncio.to_thread(postgres.start)


async def _ready_engine(url: str, stack: AsyncExitStack) -> AsyncEngine:
    """Make the engine, and bring the schema up to date."""
    engine = create_engine(url)
    stack.push_async_callback(engine.dispose)
    await prepare_schema(engine, url)
    return engine


async def _heal(postgres: EmbeddedPostgres | None, database: DatabaseCondition) -> None:
    """Start the embedded server again when it dies; one from elsewhere is somebody else's to mend."""
    while True:
        await asyncio.sleep(DATABASE_CHECKED_EVERY_S)
        try:
            await database.check()
        except DatabaseAway as away:
            if postgres is not None and not away.refuses_writes:
                await asyncio.to_thread(postgres.heal)


async def _stop_worker(worker: BackgroundWorker) -> None:
    await asyncio.to_thread(worker.stop)


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
