"""Databases for single tests, copied from a migrated template."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
from sqlalchemy.engine import make_url

from src.database import migrate

_numbers = itertools.count(1)
TEMPLATE = "template_for_tests"


def database_at(url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def run_sql(url: str, *statements: str) -> None:
    """Run statements outside a transaction."""
    query = make_url(url)
    connection = await asyncpg.connect(
        host=query.query["host"], port=query.query.get("port", 5432), user="postgres", database=query.database
    )
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def create_template(url: str) -> None:
    """Create the template: an empty database with the schema."""
    await run_sql(url, f"CREATE DATABASE {TEMPLATE}")
    await migrate(database_at(url, TEMPLATE))


async def create_database(url: str) -> str:
    """Copy the template; returns the copy's URL."""
    name = f"test_{next(_numbers)}"
    await run_sql(url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return database_at(url, name)


@contextmanager
def folder_for_postgres() -> Iterator[Path]:
    """Make a folder that a PostgreSQL may live in.

    pytest's own folders will not do: as root the server runs as another user, and each pytest that starts on the
    machine closes them to all but its own.
    """
    with tempfile.TemporaryDirectory(prefix="frg-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
