"""Startup check of the database at `DATABASE_URL`, with a message that says how to fix what is wrong."""

import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from src.database import SESSION, connect_arguments, migrate
from src.database_faults import READ_ONLY, sqlstate_of
from src.database_url import DatabaseAddress, read_database_url
from src.errors import DatabaseAway, NotStarted
from src.logs import sanitize

VERSION_MIN = 14
#: Characters quoted from a message of PostgreSQL that has no explanation here.
MESSAGE_CHARS_MAX = 200

CERTIFICATE = "a certificate file cannot be read: check sslrootcert, sslcert and sslkey"
POOLED = "{place} is a pooler that shares sessions, such as PgBouncer: set it to the direct address of PostgreSQL"
DROPS_SETTINGS = "{place} is a pooler that drops session settings: set it to the direct address of PostgreSQL"
SILENT = "{place} does not answer: check the address, and whether a firewall blocks this machine"
UNVERIFIED = "the certificate of {place} is not trusted: name its authority with sslrootcert=FILE ({words})"
NO_TLS = "{place} has no TLS, but sslmode={sslmode} requires it: enable it there (ssl = on)"
TOO_OLD = f"PostgreSQL at {{place}} is too old: use version {VERSION_MIN} or newer"
#: Rejections of a new session, by SQLSTATE.
_REFUSALS = {
    "28P01": "{place} refuses the password of {user}, or does not know the user: correct it",
    "28000": "{place} does not let {user} in: create the role with LOGIN, and a line for it in pg_hba.conf",
    "3D000": "there is no database {database} at {place}: create it with createdb",
    "42501": "{user} may not connect to the database {database}: GRANT CONNECT ON DATABASE … TO …",
    "42704": TOO_OLD,  # it does not know a parameter of the session
    "53300": "{place} has no connections left: raise max_connections, or the limit of the role or database",
    "57P03": "PostgreSQL at {place} is just starting or stopping: start again when it is up",
}
#: The first match applies.
_NO_CONNECTION: list[tuple[type[Exception], str]] = [
    (socket.gaierror, "the host of {place} cannot be resolved: check its name"),
    (TimeoutError, SILENT),
    (ssl.SSLCertVerificationError, UNVERIFIED),
    (ssl.SSLError, "TLS with {place} fails: check sslmode and the certificate files ({words})"),
    (asyncpg.ClientConfigurationError, CERTIFICATE),
    (PermissionError, CERTIFICATE),
    (
        FileNotFoundError,
        "{place}, or a certificate file, does not exist: check the address and sslrootcert",
    ),
    (
        asyncpg.exceptions.TargetServerAttributeNotMatched,
        "no server of {place} satisfies target_session_attrs: change it, or the address",
    ),
    (OSError, "nothing listens on {place}: check the address, and whether PostgreSQL is running there"),
    (asyncpg.InterfaceError, "{place} requires an unsupported authentication method: use scram-sha-256"),
]

_PROBE = """
SELECT pg_backend_pid() AS pid,
       current_setting('server_version_num')::int / 10000 AS version,
       current_setting('server_encoding') AS encoding,
       current_setting('fsync') AS fsync,
       current_setting('transaction_read_only') AS read_only,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('default_transaction_isolation') AS default_transaction_isolation
"""

log = logging.getLogger(__name__)


async def check_database(url: str) -> None:
    """Connect and check that the service can work with this database.

    Raises:
        NotStarted: it cannot; the message says how to fix it and never shows the password.
    """
    address = read_database_url(url)
    async with _explained_errors(address):
        connection = await asyncpg.connect(**connect_arguments(url))
        try:
            found = await connection.fetchrow(_PROBE)
            if found["pid"] != connection.get_server_pid():
                await _refuse_shared_sessions(url, found["pid"], address)
        finally:
            connection.terminate()
    if any(found[name] != SESSION[name] for name in ("synchronous_commit", "default_transaction_isolation")):
        raise NotStarted(f"DATABASE_URL: {_format(DROPS_SETTINGS, address)}.")
    if found["version"] < VERSION_MIN:
        raise NotStarted(f"DATABASE_URL: {_format(TOO_OLD, address)}.")
    if found["encoding"] != "UTF8":
        raise NotStarted(
            f"DATABASE_URL: the database {address.database} stores text as {found['encoding']}, which cannot hold every"
            " name: create one with createdb --encoding=UTF8 --template=template0."
        )
    if found["fsync"] == "off":
        log.warning("PostgreSQL runs with fsync=off: a crash of its machine may lose acknowledged requests.")
    if found["read_only"] == "on":
        log.warning("The database is read-only: no requests can be accepted until it is writable.")


async def prepare_schema(url: str) -> None:
    """Migrate the schema to the newest revision.

    Raises:
        NotStarted: that is not possible; the message says how to fix it.
        DatabaseAway: PostgreSQL has stopped answering.
    """
    address = read_database_url(url)
    try:
        await migrate(url)
    except (DatabaseAway, DBAPIError) as error:
        reason = _why_no_schema(sqlstate_of(error.__cause__ or error) or sqlstate_of(error), address)
        if reason is None:
            raise
        raise NotStarted(f"DATABASE_URL: {reason}.") from error


def _why_no_schema(sqlstate: str, address: DatabaseAddress) -> str | None:
    match sqlstate:
        case "42501":
            return (
                f"the user {address.user} may not create tables in the database {address.database}: give it the schema"
                f" (GRANT CREATE, USAGE ON SCHEMA public TO …) or the database"
            )
        case "3F000":
            return f"the search_path of the user {address.user} names no schema that exists: create it, or RESET it"
        case _ if sqlstate == READ_ONLY:
            return "the database is read-only and its schema is outdated: start again when it is writable"
        case "53100":
            return "the database's disk is full and its schema is outdated: free some space there"
    return None


@asynccontextmanager
async def _explained_errors(address: DatabaseAddress) -> AsyncIterator[None]:
    try:
        yield
    except Exception as error:
        if (reason := why_no_connection(error, address)) is None:
            raise
        raise NotStarted(f"DATABASE_URL: {reason}.") from error


def why_no_connection(error: Exception, address: DatabaseAddress) -> str | None:
    """Explain why connecting failed and how to fix it; None if the error is unknown."""
    if isinstance(error, asyncpg.PostgresError):
        reason = _REFUSALS.get(error.sqlstate or "", "{place} refuses the connection: {words}")
        if error.sqlstate == "08P01" and "startup parameter" in str(error):
            reason = POOLED
    elif isinstance(error, ConnectionError) and error.errno is None and "SSL" in str(error):
        reason = NO_TLS
    else:
        reason = next((sentence for kind, sentence in _NO_CONNECTION if isinstance(error, kind)), "")
    return _format(reason, address, error) if reason else None


def _format(reason: str, address: DatabaseAddress, error: Exception | None = None) -> str:
    return reason.format(
        place=address.location,
        user=f"the user {address.user}" if address.user else "the user of this process (the URL names none)",
        database=address.database or address.user,
        sslmode=address.sslmode,
        words=sanitize(str(error))[:MESSAGE_CHARS_MAX].rstrip("."),
    )


async def _refuse_shared_sessions(url: str, pid: int, address: DatabaseAddress) -> None:
    """Refuse a pooler that shares sessions; one that keeps a session per client is fine.

    Two connections open at the same time that report the same backend share a session.
    """
    second = await asyncpg.connect(**connect_arguments(url))
    try:
        if await second.fetchval("SELECT pg_backend_pid()") == pid:
            raise NotStarted(f"DATABASE_URL: {_format(POOLED, address)}.")
    finally:
        second.terminate()
