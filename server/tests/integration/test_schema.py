"""The tables are what the models say, and a start asks for migrations only when there are some to run."""

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from src.config import SERVER_FOLDER
from src.database import create_engine, migrate, newest_revision
from src.models import Base


async def test_migrations_make_the_tables_that_the_models_describe(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    engine = create_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_the_newest_migration_is_told_by_the_names_of_the_files() -> None:
    assert ScriptDirectory.from_config(Config(SERVER_FOLDER / "alembic.ini")).get_heads() == [newest_revision()]


BACK_TO_0003 = """
DROP TABLE benchmark_runs;
DROP INDEX ix_requests_benchmark, ix_requests_newest, ix_requests_newest_by_state;
ALTER TABLE requests DROP COLUMN benchmark_run_id;
CREATE INDEX ix_requests_newest ON requests (created_at);
CREATE INDEX ix_requests_newest_by_state ON requests (created_at);
UPDATE alembic_version SET version_num = '0003'
"""


async def test_a_database_that_is_behind_is_brought_up_to_date(database_url: str) -> None:
    engine = create_engine(database_url)
    async with engine.connect() as connection:
        for statement in BACK_TO_0003.split(";"):
            await connection.execute(text(statement))
    await migrate(engine)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() == newest_revision()
        assert (await connection.execute(text("SELECT count(*) FROM benchmark_runs"))).scalar() == 0
    await engine.dispose()
