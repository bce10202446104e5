"""The tables are what the models say, and a start asks for migrations only when there are some to run."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from importlib.util import find_spec
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from src.config import SERVER_FOLDER
from src.database import (
    STATEMENT_TIMEOUT_S,
    connect,
    create_pool,
    migrate,
    newest_revision,
    open_engine,
)
from src.models import Base
from src.postgres.cluster import INSTALL_FOLDERS, NEWEST_VERSION, PACKAGE
from src.services.requests.observers import Observers
from src.services.requests.records import LaneKey
from src.services.requests.store import RequestStore
from tests.support.databases import database_at, run_sql


def psql_program() -> Path:
    package = find_spec(PACKAGE)
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / INSTALL_FOLDERS[NEWEST_VERSION] / "bin" / "psql"


async def differences(url: str) -> list[object]:
    """How the tables differ from what the models describe."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with open_engine(url) as engine, engine.connect() as connection:
        return await connection.run_sync(compare)


async def test_migrations_make_the_tables_that_the_models_describe(database_url: str) -> None:
    assert await differences(database_url) == []


async def back_to(revision: str, url: str) -> None:
    """Undo the migrations after a revision."""

    def downgrade(connection: Connection) -> None:
        config = Config(SERVER_FOLDER / "alembic.ini")
        config.attributes["connection"] = connection
        command.downgrade(config, revision)

    async with (
        open_engine(url) as engine,
        engine.execution_options(isolation_level="READ COMMITTED").connect() as connection,
    ):
        await connection.run_sync(downgrade)


async def test_a_migration_of_several_transactions_that_was_cut_short_is_run_again(database_url: str) -> None:
    await back_to("0016", database_url)
    await run_sql(
        database_url,
        "DROP INDEX ix_requests_newest_by_receiver",
        "UPDATE alembic_version SET version_num = '0015'",
    )
    await migrate(database_url)

    assert await differences(database_url) == []


async def test_the_migrations_as_sql_make_the_same_tables(postgres: str) -> None:
    sql = StringIO()
    command.upgrade(Config(SERVER_FOLDER / "alembic.ini", output_buffer=sql), "head", sql=True)
    url = database_at(postgres, "made_by_psql")
    await run_sql(postgres, "CREATE DATABASE made_by_psql")
    target = make_url(url).set(drivername="postgresql").render_as_string()
    options = ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    psql = await asyncio.create_subprocess_exec(
        psql_program(), target, *options, stdin=PIPE, stdout=DEVNULL, stderr=PIPE
    )
    _, errors = await psql.communicate(sql.getvalue().encode())

    assert psql.returncode == 0, errors.decode()
    assert await differences(url) == []


def test_the_newest_migration_is_told_by_the_names_of_the_files() -> None:
    assert ScriptDirectory.from_config(Config(SERVER_FOLDER / "alembic.ini")).get_heads() == [newest_revision()]


BACK_TO_0003 = """
DROP TRIGGER note_batch_entry_ended ON requests;
DROP TRIGGER note_batch_entry_deleted ON requests;
DROP FUNCTION note_batch_entry_ended;
ALTER TABLE idempotency_keys DROP COLUMN batch_id;
ALTER TABLE idempotency_keys ALTER request_id SET NOT NULL;
ALTER TABLE idempotency_keys DROP CONSTRAINT IF EXISTS ck_idempotency_keys_of_one;
DROP TABLE batch_callback_logs, batches;
ALTER TABLE requests DROP COLUMN batch_id;
DROP TABLE redeliveries;
ALTER TABLE requests DROP COLUMN redelivery_id, DROP COLUMN traceparent;
ALTER TABLE requests DROP CONSTRAINT ck_requests_async_has_position;
ALTER TABLE requests DROP CONSTRAINT ck_requests_async_may_have_callback;
ALTER TABLE requests ADD CONSTRAINT ck_requests_async_has_position_and_callback CHECK (
    num_nonnulls(queue_position, callback_url, receiver, callback_status) = CASE mode WHEN 'async' THEN 4 ELSE 0 END
);
DROP TRIGGER note_files_to_delete ON requests;
DROP FUNCTION note_files_to_delete;
DROP TABLE files_to_delete;
DROP TABLE ended_pauses;
DROP INDEX ix_requests_newest_by_receiver, ix_requests_newest_by_error, ix_requests_idempotency_key;
ALTER TABLE requests DROP COLUMN callback_error_code;
ALTER TABLE callback_logs DROP COLUMN request_headers, DROP COLUMN request_body_sha256, DROP COLUMN response_headers;
DROP TABLE lane_secret, benchmark_runs, stream_tickets, webhook_secrets, api_keys, accounts;
DROP INDEX ix_requests_waiting_receivers, ix_requests_callbacks_owed;
CREATE INDEX ix_requests_callbacks_owed ON requests (receiver, queue_position);
ALTER TABLE paused_receivers DROP COLUMN caller;
ALTER TABLE paused_receivers ADD CONSTRAINT pk_paused_receivers PRIMARY KEY (receiver);
DROP INDEX ix_requests_run, ix_requests_newest, ix_requests_newest_by_state, ix_requests_newest_of_account;
ALTER TABLE requests DROP COLUMN run_id, DROP COLUMN account, DROP COLUMN priority, DROP COLUMN callback_sequence,
                     DROP COLUMN cancelled_at;
CREATE INDEX ix_requests_unfinished ON requests (queue_position);
CREATE INDEX ix_requests_newest ON requests (created_at);
CREATE INDEX ix_requests_newest_by_state ON requests (created_at);
UPDATE alembic_version SET version_num = '0003'
"""


PAUSED_BEFORE = """
INSERT INTO paused_receivers VALUES ('http://receiver.test:80', now(), 'x', 3, now() + interval '1 minute');
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, queue_position, callback_url, receiver,
                      callback_status, created_at, completed_at)
SELECT gen_random_uuid(), 'async', 'COMPLETED', '192.0.2.' || n, '{}', '{}', n, 'http://receiver.test:80/',
       'http://receiver.test:80', 'PENDING', now(), now() FROM generate_series(1, 3) AS n
"""


async def test_a_database_that_is_behind_is_brought_up_to_date(database_url: str) -> None:
    async with open_engine(database_url) as engine:
        async with engine.connect() as connection:
            for statement in (BACK_TO_0003 + ";" + PAUSED_BEFORE).split(";"):
                await connection.execute(text(statement))
        await migrate(database_url)
        pool = await create_pool(database_url, connections_max=1)
        store = RequestStore(pool, Observers())
        [pause] = await store.pauses()
        callers = await store.callers_owed("", 10)
        lanes = await store.lanes_owed(dict.fromkeys(callers, ("", "")), 10)
        pool.terminate()
        # It held for everybody, and does until its probe.
        assert (pause.caller, pause.receiver, pause.probes) == ("", "http://receiver.test:80", 3)
        assert [lane.key for lane in lanes] == [LaneKey(f"192.0.2.{n}", pause.receiver) for n in (1, 2, 3)]
        async with engine.connect() as connection:
            assert (
                await connection.execute(text("SELECT version_num FROM alembic_version"))
            ).scalar() == newest_revision()
            assert (await connection.execute(text("SELECT count(*) FROM benchmark_runs"))).scalar() == 0


async def test_servers_that_start_at_once_migrate_once_however_long_a_statement_takes(database_url: str) -> None:
    await back_to("0015", database_url)
    other = await connect(database_url)
    transaction = other.transaction()
    await transaction.start()
    await other.execute("LOCK TABLE requests")
    starting = [asyncio.create_task(migrate(database_url)) for _ in range(3)]
    await asyncio.wait(starting, timeout=STATEMENT_TIMEOUT_S + 0.5, return_when=asyncio.FIRST_COMPLETED)
    wait = [not one.done() for one in starting]
    await transaction.rollback()
    await other.close()
    await asyncio.gather(*starting)

    assert wait == [True] * 3
    assert await differences(database_url) == []


SOME_LANES = """
INSERT INTO requests (id, mode, status, caller, input_payload, result_payload, queue_position, callback_url, receiver,
                      callback_status, created_at, completed_at)
SELECT gen_random_uuid(), 'async', CASE WHEN n % 3 = 0 THEN 'PENDING' ELSE 'COMPLETED' END, 'c' || n % 2, '{}',
       CASE WHEN n % 3 = 0 THEN NULL ELSE json_build_object() END, n, 'http://r' || n % 7, 'r' || n % 7,
       'PENDING', now(), CASE WHEN n % 3 = 0 THEN NULL ELSE now() END FROM generate_series(1, 42) AS n
"""


async def test_lanes_are_named_in_turns_between_callers_and_receivers_with_what_waits(database_url: str) -> None:
    await run_sql(database_url, SOME_LANES, "DELETE FROM requests WHERE caller = 'c1' AND status = 'COMPLETED'")
    pool = await create_pool(database_url, connections_max=1)
    store = RequestStore(pool, Observers())
    callers = await store.callers_owed("", 10)
    after_c0 = await store.callers_owed("c0", 10)
    first_two = await store.lanes_owed({"c0": ("", ""), "c1": ("", "")}, 2)
    behind = await store.lanes_owed({"c0": ("r4", "normal")}, 10)
    receivers = await store.receivers_of(["c0", "c1", "c2"], 100)
    three = await store.receivers_of(["c1"], 3)
    no_callback = "callback_url = NULL, receiver = NULL, callback_status = NULL"
    await run_sql(
        database_url,
        "UPDATE requests SET status = 'PROCESSING' WHERE queue_position = 3",
        f"UPDATE requests SET status = 'PROCESSING', {no_callback} WHERE queue_position = 9",
    )
    processed = await store.receivers_of(["c1"], 100)
    pool.terminate()

    assert (callers, after_c0) == (["c0"], [])
    assert [lane.key for lane in first_two] == [LaneKey("c0", "r0"), LaneKey("c0", "r1")]
    assert [lane.key.receiver for lane in behind] == ["r5", "r6"]
    assert receivers == {"c0": {f"r{n}" for n in range(7)}, "c1": {f"r{n}" for n in range(7)}, "c2": set()}
    assert processed == {"c1": {f"r{n}" for n in range(7) if n != 2}}
    assert three == {"c1": {"r0", "r1", "r2"}}
