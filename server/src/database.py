"""The ways to PostgreSQL: SQLAlchemy's engine for ordinary queries, asyncpg pools for the hot ones.

Both connect alike, and say at the start of each session what their statements rely on. An engine and a pool belong to
the event loop that made them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

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
#: Whoever waits for the database has an answer after this, if only that it is away.
ANSWER_TIMEOUT_S = 4.5
ENGINE_CONNECTIONS_MAX = 8
MIGRATIONS = SERVER_FOLDER / "migrations" / "versions"
MIGRATION_TIMEOUT_S = 600.0
#: Any number will do, as long as every process of this service uses the same.
MIGRATION_LOCK = 7_215_001

#: What every session relies on, whatever `ALTER DATABASE` and `ALTER ROLE` say. It goes along with the start of a
#: session and costs no round trip. Left as found on purpose: `default_transaction_read_only`, by which an operator
#: keeps everybody from writing, and `search_path`, by which one chooses the schema.
SESSION = {
    "application_name": "financial-report-generator",
    # Each change is one statement that names the state it expects; at a stricter level such changes fail each other.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # 202 means that a crash of PostgreSQL does not lose it.
    "synchronous_commit": "on",
    # Deadlines are the service's own. The listener's session is idle for as long as nothing happens.
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
    # Queries are short: compiling one takes longer than running it.
    "jit": "off",
}


def connect_arguments(url: str) -> dict[str, Any]:
    """Write a URL as the arguments of `asyncpg.connect`.

    Raises:
        ValueError: it cannot be read.
    """
    address = read_database_url(url)
    return {
        **address.arguments(),
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": STATEMENT_TIMEOUT_S,
        "server_settings": {**SESSION, **address.session},
    }


def create_engine(url: str) -> AsyncEngine:
    """Make the engine for ordinary queries; nothing is connected yet."""
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(asyncpg.connect, **connect_arguments(url)),
        pool_size=ENGINE_CONNECTIONS_MAX,
        max_overflow=0,
        pool_timeout=POOL_WAIT_TIMEOUT_S,
        pool_pre_ping=True,
        # COMMIT and ROLLBACK are round trips; a read of one statement needs neither.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # an error's text names the statement, never what a caller sent
    )


async def connect(url: str) -> asyncpg.Connection:
    """Open one connection of its own, on the running loop.

    Raises:
        DatabaseAway: PostgreSQL does not answer.
    """
    async with database_errors():
        return await asyncpg.connect(**connect_arguments(url))


async def create_pool(url: str, *, connections_max: int) -> asyncpg.Pool:
    """Make a pool for the hot statements, on the running loop. It connects when it is first used.

    Args:
        url: the same as the engine's.
        connections_max: connections at most.
    """
    return await asyncpg.create_pool(
        min_size=0, max_size=connections_max, reset=_leave_as_it_is, **connect_arguments(url)
    )


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
    except Exception as error:
        if (away := as_away(error)) is None:
            raise
        raise away from error


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema up to date. Several processes may start at once: one works, the others wait.

    Raises:
        DatabaseAway: PostgreSQL cannot be reached.
        NotStarted: the schema is a newer release's.
    """
    if await _is_current(engine):
        return
    transactional = engine.execution_options(isolation_level="READ COMMITTED")
    async with database_errors(within_s=MIGRATION_TIMEOUT_S), transactional.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        await connection.run_sync(_upgrade)


def newest_revision() -> str:
    """Name the migration that brings the schema up to date: files are called after their revisions."""
    return max(_revisions())


def _revisions() -> set[str]:
    return {path.name.partition("_")[0] for path in MIGRATIONS.glob("*.py")}


async def _is_current(engine: AsyncEngine) -> bool:
    async with database_errors(), engine.connect() as connection:
        try:
            done = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
        except ProgrammingError as error:
            if sqlstate_of(error) != UNDEFINED_TABLE:
                raise
            return False  # nothing has been created yet
    if done is not None and done not in _revisions():
        raise NotStarted(
            f"The database's schema is at revision {done:.40}, which a newer release made; this one knows those up to"
            f" {newest_revision()}: start the newer release, or restore a backup from before its first start."
        )
    return bool(done == newest_revision())


def _upgrade(connection: Connection) -> None:
    # Only where there is something to do: it takes 11 MB and a quarter of a second.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(SERVER_FOLDER / "alembic.ini")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
