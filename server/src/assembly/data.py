"""Opens the database and the report storage, and creates the parts that read and change them."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from src.config import Settings
from src.database import create_pool, open_engine
from src.database_start import check_database, prepare_schema
from src.errors import DatabaseAway
from src.postgres.embedded import EmbeddedPostgres
from src.services.delivery.lane_ids import LaneIds
from src.services.live.completions import Completions
from src.services.metrics.counted_storage import CountedStorage
from src.services.metrics.metrics import Metrics
from src.services.report_files.opening import make_storage
from src.services.report_files.private_folders import make_data_folder
from src.services.report_files.storage import ReportStorage
from src.services.requests.batches import BatchStore
from src.services.requests.changes import ChangeNotifier, announce
from src.services.requests.database_condition import DatabaseCondition
from src.services.requests.log_lines import log_lines
from src.services.requests.observers import Observers, together
from src.services.requests.read_slots import ReadSlots
from src.services.requests.reader import RequestReader
from src.services.requests.redeliveries import RedeliveryStore
from src.services.requests.report_removal import ReportRemoval
from src.services.requests.store import RequestStore

#: Concurrent blocking calls: sync reports generated, files hashed or deleted.
BLOCKING_THREADS_MAX = 8
SERVER_CONNECTIONS_MAX = 6
DATABASE_CHECKED_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The data layer of the server's event loop."""

    url: str
    #: Connections for queries, and their limits per caller.
    queries: AsyncEngine
    slots: ReadSlots
    database: DatabaseCondition
    #: Restarts the embedded server when it dies; never returns.
    heal: Callable[[], Awaitable[None]]
    reader: RequestReader
    #: Maps lanes to their public ids.
    lane_ids: LaneIds
    store: RequestStore
    batches: BatchStore
    redeliveries: RedeliveryStore
    #: For statements prepared on asyncpg.
    pool: asyncpg.Pool
    changes: ChangeNotifier
    #: Calls waiting for requests to end.
    completions: Completions
    #: Notified of events.
    observers: Observers
    storage: ReportStorage
    removal: ReportRemoval
    threads: Executor
    #: Connections of the store's pool: idle ones, and all.
    connections: Callable[[], tuple[int, int]]


async def open_data(settings: Settings, stack: AsyncExitStack, metrics: Metrics, traces: Observers) -> Data:
    """Open the folders, connect to the database or start the embedded one, and migrate its schema.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached or started.
        NotStarted: the configuration has to be fixed first; the message says how.
    """
    storage = CountedStorage(await _opened_storage(settings), metrics.storage_failed)
    postgres, url = await _found_database(settings, stack)
    queries, pool = await _open_queries(url, stack), await _open_pool(url, stack)
    threads = _open_threads(stack)
    slots = ReadSlots()
    reader = RequestReader(queries, slots)
    database = DatabaseCondition(queries, slots)
    changes = ChangeNotifier(partial(announce, pool))
    completions = Completions(reader.whole, settings.max_waiters, settings.max_waiters_per_caller)
    lines = log_lines(settings.log_format)
    observers = together(changes.observers(), completions.observers(), lines, metrics.observers(), traces)
    store = RequestStore(pool, observers, on_away=database.note)
    return Data(
        url=url,
        queries=queries,
        slots=slots,
        database=database,
        heal=partial(_heal, postgres, database),
        reader=reader,
        lane_ids=LaneIds(await reader.lane_secret()),
        store=store,
        batches=BatchStore(store.fetch, reader.read, observers),
        redeliveries=RedeliveryStore(pool, reader.read, observers, settings.callback_timeout_seconds),
        pool=pool,
        changes=changes,
        completions=completions,
        observers=observers,
        storage=storage,
        removal=ReportRemoval(store, storage, threads),
        threads=threads,
        connections=lambda: (pool.get_idle_size(), pool.get_size()),
    )


async def _open_queries(url: str, stack: AsyncExitStack) -> AsyncEngine:
    """Migrate the schema, and create the engine."""
    await prepare_schema(url)
    return await stack.enter_async_context(open_engine(url))


async def _open_pool(url: str, stack: AsyncExitStack) -> asyncpg.Pool:
    pool = await create_pool(url, connections_max=SERVER_CONNECTIONS_MAX)
    stack.callback(pool.terminate)
    return pool


def _open_threads(stack: AsyncExitStack) -> Executor:
    threads = ThreadPoolExecutor(BLOCKING_THREADS_MAX, thread_name_prefix="blocking")
    stack.callback(threads.shutdown)
    return threads


async def _opened_storage(settings: Settings) -> ReportStorage:
    """Create the data folder and the report storage, and check that it can be used."""
    make_data_folder(settings.data_dir)
    storage = make_storage(
        settings.storage_url,
        settings.reports_folder,
        settings.s3_access,
        fallback_url=settings.storage_fallback_url,
    )
    await asyncio.to_thread(storage.prepare)
    return storage


async def _found_database(settings: Settings, stack: AsyncExitStack) -> tuple[EmbeddedPostgres | None, str]:
    """Return the embedded server, if `DATABASE_URL` is not set, and the URL of the database."""
    if settings.database_url:
        await check_database(settings.database_url)
        return None, settings.database_url
    postgres = EmbeddedPostgres(settings.data_dir / "postgres")
    stack.push_async_callback(asyncio.to_thread, postgres.stop)
    return postgres, await asyncio.to_thread(postgres.start)


async def _heal(postgres: EmbeddedPostgres | None, database: DatabaseCondition) -> None:
    """Restart the embedded server when it dies; an external one is not ours to restart."""
    while True:
        await asyncio.sleep(DATABASE_CHECKED_EVERY_S)
        try:
            await database.check()
        except DatabaseAway as away:
            if postgres is not None and not away.refuses_writes:
                await asyncio.to_thread(postgres.heal)
