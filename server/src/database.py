"""Access to PostgreSQL: a SQLAlchemy engine for ordinary queries, asyncpg pools for the hot ones.

Both connect the same way and set the same session parameters, which the statements rely on. Engines and pools belong
to the event loop that created them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakSet

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from src.config import SERVER_FOLDER
from src.database_faults import UNDEFINED_TABLE, as_away, sqlstate_of
from src.database_url import read_database_url
from src.errors import NotStarted

CONNECT_TIMEOUT_S = 3.0
STATEMENT_TIMEOUT_S = 4.0
POOL_WAIT_TIMEOUT_S = 3.0
#: Seconds after which any wait for the database ends, in an error if need be.
ANSWER_TIMEOUT_S = 4.5
ENGINE_CONNECTIONS_MAX = 8
MIGRATIONS = SERVER_FOLDER / "migrations" / "versions"
MIGRATION_TIMEOUT_S = 600.0
#: How often a process looks whether another has migrated.
MIGRATION_LOOKED_FOR_EVERY_S = 0.1
#: The key of an advisory lock; arbitrary, but the same in every process of this service.
MIGRATION_LOCK = 7_215_001

#: Session parameters the service relies on, overriding `ALTER DATABASE` and `ALTER ROLE`. They are part of the startup
#: message and cost no round trip. Deliberately not set: `default_transaction_read_only`, with which an operator blocks
#: all writes, and `search_path`, which selects the schema.
SESSION = {
    "application_name": "financial-report-generator",
    # Every change is a single statement guarded by the state it expects. Under a stricter level, concurrent ones would
    # fail with serialization errors.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # A request acknowledged with 202 must survive a crash of PostgreSQL.
    "synchronous_commit": "on",
    # The service enforces its own deadlines. The listener's session is idle for as long as nothing changes.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "standard_conforming_strings": "on",
    "row_security": "on",
    # Queries are short: compiling them takes longer than running them.
    "jit": "off",
}


def connect_arguments(url: str) -> dict[str, Any]:
    """Convert a URL into arguments for `asyncpg.connect`.

    Raises:
        ValueError: the URL is invalid.
    """
    address = read_database_url(url)
    return {
        **address.arguments(),
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": STATEMENT_TIMEOUT_S,
        "server_settings": {**SESSION, **address.session},
    }


@asynccontextmanager
async def open_engine(url: str, statement_timeout_s: float = STATEMENT_TIMEOUT_S) -> AsyncIterator[AsyncEngine]:
    """Create the engine for ordinary queries, or for longer ones. It connects on first use; leaving closes it.

    `AsyncEngine.dispose` closes idle connections only: it forgets one that is running a query, and opens a new one for
    the next query. The first is closed here, the second refused.
    """
    connections = _Connections({**connect_arguments(url), "command_timeout": statement_timeout_s})
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connections.open,
        pool_size=ENGINE_CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=POOL_WAIT_TIMEOUT_S,
        pool_pre_ping=True,
        # COMMIT and ROLLBACK are round trips; a single-statement read needs neither.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # error messages must not contain what a caller sent
    )
    try:
        yield engine
    finally:
        try:
            await engine.dispose()
        finally:
            connections.close()


class _Connections:
    """The connections of an engine, with which they end."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._opened: WeakSet[asyncpg.Connection] = WeakSet()
        self._closed = False

    async def open(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(**self._arguments)
        if self._closed:
            connection.terminate()
            raise asyncpg.InterfaceError("the engine is closed")
        self._opened.add(connection)
        return connection

    def close(self) -> None:
        self._closed = True
        for connection in self._opened:
            connection.terminate()


async def connect(url: str) -> asyncpg.Connection:
    """Open a dedicated connection on the running loop.

    Raises:
        DatabaseAway: PostgreSQL does not answer.
    """
    connection = None
    try:
        async with database_errors():
            connection = await asyncpg.connect(**connect_arguments(url))
            return connection  # noqa: RET504  so that it is known when leaving the block fails
    except BaseException:
        if connection is not None:  # the time ran out at the moment it was open
            connection.terminate()
        raise


async def create_pool(url: str, *, connections_max: int) -> asyncpg.Pool:
    """Create a pool for the hot statements, on the running loop. It connects on first use.

    Args:
        url: the same URL as the engine's.
        connections_max: maximum pool size.
    """
    return await asyncpg.create_pool(min_size=0, max_size=connections_max, reset=_skip_reset, **connect_arguments(url))


async def _skip_reset(_connection: asyncpg.Connection) -> None:
    """Skip the round trip that resets a session: the hot statements change no session state."""


@asynccontextmanager
async def database_errors(within_s: float = ANSWER_TIMEOUT_S) -> AsyncIterator[None]:
    """Convert every error that means the database is unavailable into `DatabaseAway`.

    Args:
        within_s: timeout in seconds, after which the database counts as unavailable.

    Raises:
        DatabaseAway: the statement got no response; whether it took effect is unknown.
    """
    try:
        async with asyncio.timeout(within_s):
            yield
    except Exception as error:
        if (away := as_away(error)) is None:
            raise
        raise away from error


async def migrate(url: str) -> None:
    """Migrate the schema to the newest revision. If several processes start at once, one migrates and the others wait.

    A statement may take as long as the whole: with a million requests an index takes longer than a query ever may.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
        NotStarted: the schema belongs to a newer release.
    """
    async with open_engine(url, statement_timeout_s=MIGRATION_TIMEOUT_S) as engine:
        if await _is_current(engine):
            return
        transactional = engine.execution_options(isolation_level="READ COMMITTED")
        async with database_errors(within_s=MIGRATION_TIMEOUT_S), transactional.connect() as connection:
            # Held until the connection is closed: a migration may consist of several transactions. Whoever waits for it
            # has none open meanwhile, because CREATE INDEX CONCURRENTLY waits for the end of those.
            while not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK}):
                await connection.commit()
                await asyncio.sleep(MIGRATION_LOOKED_FOR_EVERY_S)
            await connection.commit()
            await connection.run_sync(_upgrade)


def newest_revision() -> str:
    """Return the newest revision, taken from the names of the migration files."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in MIGRATIONS.glob("*.py")}


async def _is_current(engine: AsyncEngine) -> bool:
    async with database_errors(), engine.connect() as connection:
        try:
            current = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        except ProgrammingError as error:
            if sqlstate_of(error) != UNDEFINED_TABLE:
                raise
            return False  # an empty database
    if current is not None and current not in _revisions():
        raise NotStarted(
            f"The database's schema is at revision {current:.40}, created by a newer release; this release supports up"
            f" to {newest_revision()}: start the newer release, or restore a backup from before its first start."
        )
    return bool(current == newest_revision())


def _upgrade(connection: Connection) -> None:
    # Imported only if there is something to migrate: it takes 11 MB and a quarter of a second.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(SERVER_FOLDER / "alembic.ini")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
