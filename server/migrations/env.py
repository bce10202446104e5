"""Runs the migrations: on the connection the server hands over, or on `DATABASE_URL`; `--sql` prints them instead."""

import asyncio

from alembic import context
from sqlalchemy import Connection

from src.config import Settings
from src.database import MIGRATION_TIMEOUT_S, open_engine
from src.models import Base


def run(connection: Connection) -> None:
    """Run what is missing, each migration in a transaction of its own."""
    context.configure(
        connection=connection, target_metadata=Base.metadata, compare_type=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


def write_sql() -> None:
    """Print the statements, for whoever may not let an application change a schema."""
    context.configure(
        dialect_name="postgresql",
        dialect_opts={"paramstyle": "named"},  # with others, percent signs are doubled
        target_metadata=Base.metadata,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_from_command_line() -> None:
    """Connect to `DATABASE_URL` and run."""
    url = Settings().database_url
    if not url:
        raise SystemExit("Set DATABASE_URL; the embedded PostgreSQL is migrated when the server starts.")
    async with open_engine(url, MIGRATION_TIMEOUT_S) as engine:
        transactional = engine.execution_options(isolation_level="READ COMMITTED")
        async with transactional.connect() as connection:
            await connection.run_sync(run)


if context.is_offline_mode():
    write_sql()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(run_from_command_line())
