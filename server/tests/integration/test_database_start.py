"""A database that will not do is told in one sentence that says what to mend, whatever is wrong with it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from src.database_start import check_database, prepare_schema
from src.errors import NotStarted
from src.postgres.cluster import SOCKET_NAME
from tests.support import fake_postgres
from tests.support.certificates import make_certificates, server_context
from tests.support.database_state import fetch
from tests.support.databases import create_database, database_at, run_sql
from tests.support.own_postgres import own_postgres
from tests.support.tls_front import TlsFront, tls_front

#: Everybody of these tests but `stranger`.
PASSWORDS_ASKED_FOR = b"""
local all postgres trust
local all app,full,nologin,lost,nobody scram-sha-256
"""


class Hosted:
    """A PostgreSQL with TLS and passwords, on a port of 127.0.0.1."""

    def __init__(self, front: TlsFront, certificates: Path) -> None:
        self.front = front
        self.certificates = certificates

    def url(self, user: str = "app", password: str = "hush", database: str = "reports", query: str = "") -> str:
        return f"postgres://{user}:{password}@127.0.0.1:{self.front.port}/{database}?{query}"


@pytest.fixture(scope="module")
async def hosted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosted]:
    certificates = await asyncio.to_thread(make_certificates, tmp_path_factory.mktemp("tls"))
    with own_postgres(start=False) as postgres:
        await asyncio.to_thread(postgres.create)
        postgres.add_file("pg_hba.conf", PASSWORDS_ASKED_FOR)
        await asyncio.to_thread(postgres.start)
        await run_sql(
            postgres.url,
            "CREATE ROLE app LOGIN PASSWORD 'hush'",
            "CREATE ROLE full LOGIN PASSWORD 'hush' CONNECTION LIMIT 0",
            "CREATE ROLE nologin PASSWORD 'hush'",
            "CREATE ROLE stranger LOGIN PASSWORD 'hush'",
            "CREATE ROLE lost LOGIN PASSWORD 'hush'",
            "ALTER ROLE lost SET search_path = nowhere",
            "CREATE DATABASE reports OWNER app",
            "CREATE DATABASE closed",
            "REVOKE CONNECT ON DATABASE closed FROM public",
            "CREATE DATABASE foreigners",
            "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0",
        )
        async with tls_front(postgres.data_folder / SOCKET_NAME, server_context(certificates)) as front:
            yield Hosted(front, certificates)


async def start(url: str) -> None:
    """What a start does with the database."""
    await check_database(url)
    await prepare_schema(url)


async def why_not(url: str) -> str:
    """The sentence of a start that fails."""
    with pytest.raises(NotStarted) as refused:
        await start(url)
    sentence = refused.value.detail
    assert "\n" not in sentence
    assert "hush" not in sentence
    assert len(sentence) < 400
    return sentence


@pytest.mark.parametrize(
    ("user", "password", "database", "query", "said"),
    [
        ("app", "hushhush", "reports", "sslmode=require", "refuses the password of the user app"),
        ("nobody", "hush", "reports", "sslmode=require", "refuses the password of the user nobody"),
        ("nologin", "hush", "reports", "sslmode=require", "create the role with LOGIN"),
        ("stranger", "hush", "reports", "sslmode=disable", "a line for it in pg_hba.conf"),
        ("app", "hush", "elsewhere", "sslmode=require", "there is no database elsewhere"),
        ("app", "hush", "closed", "sslmode=require", "GRANT CONNECT"),
        ("full", "hush", "reports", "sslmode=require", "no connections left"),
        ("app", "hush", "latin", "sslmode=require", "--encoding=UTF8"),
        ("app", "hush", "foreigners", "sslmode=require", "may not create tables in the database foreigners"),
        ("lost", "hush", "reports", "sslmode=require", "names no schema"),
        ("app", "hush", "reports", "sslmode=verify-full&sslrootcert=system", "is not trusted"),
        ("app", "hush", "reports", "sslmode=verify-ca&sslrootcert=/nowhere.pem", "sslrootcert"),
    ],
)
async def test_what_is_wrong_with_the_database_is_one_sentence_that_says_what_to_mend(
    hosted: Hosted, user: str, password: str, database: str, query: str, said: str
) -> None:
    assert said in await why_not(hosted.url(user, password, database, query))


@pytest.mark.parametrize(
    ("answer", "query", "said"),
    [
        (fake_postgres.PGBOUNCER, "", "a pooler that shares sessions"),
        (fake_postgres.POSTGRESQL_13, "", "use version 14 or newer"),
        (fake_postgres.FULL, "", "no connections left"),
        (fake_postgres.STARTING, "", "start again when it is up"),
        (b"", "sslmode=require", "has no TLS"),
        (None, "", "does not answer"),
    ],
)
async def test_what_is_no_postgresql_of_today_is_told_apart(answer: bytes | None, query: str, said: str) -> None:
    async with fake_postgres.answering(answer) as port:
        assert said in await why_not(f"postgresql://u:hush@127.0.0.1:{port}/d?{query}")


async def test_a_host_that_is_not_there_is_told_apart_from_one_where_nothing_listens() -> None:
    assert "cannot be resolved" in await why_not("postgresql://u:hush@nowhere.invalid/d")
    assert "nothing listens on 127.0.0.1, port 1" in await why_not("postgresql://u:hush@127.0.0.1:1/d")


async def test_a_certificate_for_another_host_is_refused_and_one_by_the_named_authority_taken(
    hosted: Hosted,
) -> None:
    authority = f"sslrootcert={hosted.certificates / 'ca.pem'}"

    assert "is not trusted" in await why_not(hosted.url(query=f"sslmode=verify-full&{authority}"))
    await check_database(hosted.url(query=f"sslmode=verify-ca&{authority}"))


async def test_a_url_as_hosts_hand_it_out_is_served_over_tls_on_both_ways(hosted: Hosted) -> None:
    url = hosted.url(query="sslmode=require&channel_binding=require&options=-c%20geqo%3Doff")
    await start(url)
    await start(url)
    encrypted = hosted.front.encrypted
    [session] = await fetch(url, "SELECT current_setting('geqo')")

    assert session[0] == "off"
    assert encrypted >= 4
    assert hosted.front.encrypted == encrypted + 1


async def test_a_schema_of_a_newer_release_is_left_alone(postgres: str) -> None:
    url = await create_database(postgres)
    await run_sql(url, "UPDATE alembic_version SET version_num = '0099'")

    assert "revision 0099" in await why_not(url)
    assert (await fetch(url, "SELECT version_num FROM alembic_version"))[0][0] == "0099"


async def test_a_read_only_database_without_the_schema_is_told(postgres: str) -> None:
    await run_sql(postgres, "CREATE DATABASE standby", "ALTER DATABASE standby SET default_transaction_read_only = on")

    assert "is read-only" in await why_not(database_at(postgres, "standby"))
