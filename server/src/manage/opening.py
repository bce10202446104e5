"""Opens the database for a command, and says what went wrong."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from src.config import Settings
from src.database import create_pool
from src.errors import DatabaseAway, NotStarted
from src.postgres.embedded import EmbeddedPostgres

EXIT_DONE = 0
EXIT_WRONG = 2
EXIT_FAILED = 3
CONNECTIONS_MAX = 2


@asynccontextmanager
async def open_pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Connect to the database that is set, or to the embedded one, running or not.

    Raises:
        NotStarted: there is none, or its schema is older than this program.
    """
    url, close = settings.database_url, _nothing
    if not url:
        folder = settings.data_dir / "postgres"
        if not folder.is_dir():
            raise NotStarted("There is no database under DATA_DIR: name the server's DATA_DIR, or its DATABASE_URL.")
        postgres = EmbeddedPostgres(folder)
        try:
            url = await asyncio.to_thread(postgres.attach)
        except (DatabaseAway, NotStarted):
            url, close = await asyncio.to_thread(postgres.start), postgres.stop
    try:
        pool = await create_pool(url, connections_max=CONNECTIONS_MAX)
        try:
            yield pool
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
            raise NotStarted("The database has an older schema: start the server of this version once.") from None
        finally:
            pool.terminate()
    finally:
        await asyncio.to_thread(close)


def refuse(status: int, sentence: str) -> int:
    """Say on standard error why nothing was done; returns the exit status."""
    print(sentence, file=sys.stderr)  # noqa: T201
    return status


def _nothing() -> None:
    pass
