"""The ways to PostgreSQL: SQLAlchemy's engine for ordinary queries, asyncpg pools for the hot ones.

Both read the same URL. An engine and a pool belong to the event loop that made them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from src.config import SERVER_FOLDER
from src.errors import DatabaseAway

CONNECT_TIMEOUT_S = 3.0
STATEMENT_TIMEOUT_S = 4.0
POOL_WAIT_TIMEOUT_S = 3.0
#: Whoever waits for the database has an answer after this, if only that it is away.
ANSWER_TIMEOUT_S = 4.5
ENGINE_CONNECTIONS_MAX = 8
MIGRATIONS = SERVER_FOLDER / "migrations" / "versions"
MIGRATION_TIMEOUT_S = 600.0
#: Any number will do, as long as every process of this service uses the same.
MIGRATION_LOCK = 7_215_001

#: What the driver raises when the database is away. While it is down asyncpg raises a bare OSError.
AWAY_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A server that crashes says so on idle connections too. One that is used before its end is noticed raises this.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OperatorInterventionError,
)


def create_engine(url: str) -> AsyncEngine:
    """Make the engine for ordinary queries; nothing is connected yet."""
    return create_async_engine(
        url,
        pool_size=ENGINE_CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=POOL_WAIT_TIMEOUT_S,
        pool_pre_ping=True,
        # COMMIT and ROLLBACK are round trips; a read of one statement needs neither.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # an error's text names the statement, never what a caller sent
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S},
    )


def _connect_args(url: str) -> dict[str, Any]:
    """Read the URL as SQLAlchemy does, so that both ways to the database understand the same options."""
    parsed = make_url(url)
    _, arguments = parsed.get_dialect()().create_connect_args(parsed)
    arguments.pop("prepared_statement_cache_size", None)
    return {**arguments, "timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S}


async def connect(url: str) -> asyncpg.Connection:
    """Open one connection of its own, on the running loop.

    Raises:
        DatabaseAway: PostgreSQL does not answer.
    """
    async with database_errors():
        return await asyncpg.connect(**_connect_args(url))


async def create_pool(url: str, *, connections_max: int) -> asyncpg.Pool:
    """Make a pool for the hot statements, on the running loop. It connects when it is first used.

    Args:
        url: the same SQLAlchemy URL as the engine's.
        connections_max: connections at most.
    """
    return await asyncpg.create_pool(min_size=0, max_size=connections_max, reset=_leave_as_it_is, **_connect_args(url))


async def _leave_as_it_is(_connection: asyncpg.Connection) -> None:
    """Spare the round trip that resets a session: the hot statements change no session state."""


@asynccontextmanager
async def database_errors(within_s: float = ANSWER_TIMEOUT_S) -> AsyncIterator[None]:
    """Turn every sign of an absent database into `DatabaseAway`.

    Args:
        within_s: no answer for so long is a sign too.

    Raises:
        DatabaseAway: the statement was not answered; whether it took effect is unknown.
    """
    try:
        async with asyncio.timeout(within_s):
            yield
    except AWAY_ERRORS as error:
        raise DatabaseAway("The database does not answer.") from error
    except DBAPIError as error:
        # SQLAlchemy wraps asyncpg's errors twice; what is not about the connection stays what it is.
        if error.connection_invalidated or isinstance(_driver_error(error), AWAY_ERRORS):
            raise DatabaseAway("The database does not answer.") from error
        raise


def _driver_error(error: DBAPIError) -> BaseException | None:
    return error.orig.__cause__ if error.orig is not None else None


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema up to date. Several processes may start at once: one works, the others wait.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
    """
    if await _is_current(engine):
        return
    transactional = engine.execution_options(isolation_level="READ COMMITTED")
    async with database_errors(within_s=MIGRATION_TIMEOUT_S), transactional.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        await connection.run_sync(_upgrade)


def newest_revision() -> str:
    """Name the migration that brings the schema up to date: files are called after their revisions."""
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("*.py"))


async def _is_current(engine: AsyncEngine) -> bool:
    async with database_errors(), engine.connect() as connection:
        try:
            done = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        except ProgrammingError:  # nothing has been created yet
            return False
    return bool(done == newest_revision())


def _upgrade(connection: Connection) -> None:
    # Only where there is something to do: it takes 11 MB and a quarter of a second.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(SERVER_FOLDER / "alembic.ini")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
