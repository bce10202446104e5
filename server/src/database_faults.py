"""What PostgreSQL and its drivers raise, told apart: away, writes refused, to be repeated, or a fault of ours."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from src.errors import DatabaseAway

#: What the driver raises without a word from PostgreSQL. While it is down asyncpg raises a bare OSError.
_NO_ANSWER = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # A server that crashes says so on idle connections too. One that is used before its end is noticed raises this.
    asyncpg.InternalClientError,
)
#: SQLSTATE and its class: https://www.postgresql.org/docs/current/errcodes-appendix.html
READ_ONLY = "25006"
UNDEFINED_TABLE = "42P01"
INSUFFICIENT_PRIVILEGE = "42501"
REFUSED_WRITES = {
    READ_ONLY: "The database takes no changes now: it is read-only.",
    "53100": "The database takes no changes now: its disk is full.",
    "53200": "The database takes no changes now: it is out of memory.",
    "53000": "The database takes no changes now: it lacks resources.",
    "53400": "The database takes no changes now: a limit of its configuration is reached.",
    "54023": "The database takes no changes now: a limit of its configuration is reached.",
    INSUFFICIENT_PRIVILEGE: "The database takes no changes now: its role lacks a privilege.",
    "58030": "The database takes no changes now: its disk fails.",
}
#: The transaction was rolled back because of others; a statement that is its own transaction may be run again.
COLLISIONS = {"40001", "40P01"}
_AWAY = {
    "53300": "The database has no connection left.",
    "25P03": "The database ended a session that waited too long.",
    "25P04": "The database ended a transaction that took too long.",
    "55P03": "The database waits for a lock of somebody else.",
    "3D000": "The database is not there.",
    **dict.fromkeys(COLLISIONS, "The database is busy with changes that collide."),
}
_AWAY_CLASSES = {
    "08": "The database does not answer.",  # connection
    "28": "The database refuses the service's credentials.",
    "53": "The database lacks resources.",
    "57": "The database does not answer.",  # an operator stopped it, or the statement
    "58": "The database's machine fails.",
}
_DOES_NOT_ANSWER = "The database does not answer."
READS_WAIT_AFTER_S = 1


def driver_error(error: BaseException) -> BaseException:
    """Unwrap: SQLAlchemy wraps asyncpg's errors twice."""
    if isinstance(error, DBAPIError) and error.orig is not None and error.orig.__cause__ is not None:
        return error.orig.__cause__
    return error


def sqlstate_of(error: BaseException) -> str:
    """Read PostgreSQL's code for an error; empty where the error is not PostgreSQL's."""
    found = driver_error(error)
    return (found.sqlstate or "") if isinstance(found, asyncpg.PostgresError) else ""


def as_away(error: BaseException) -> DatabaseAway | None:
    """Say in words why the database cannot be used now; None where the fault is another."""
    found = driver_error(error)
    if isinstance(found, PoolTimeout):
        return DatabaseAway("Too many read at once; try again.", READS_WAIT_AFTER_S)
    if isinstance(found, asyncpg.PostgresError):
        return _told(found.sqlstate or "")
    if isinstance(found, _NO_ANSWER) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseAway(_DOES_NOT_ANSWER)
    return None


def _told(sqlstate: str) -> DatabaseAway | None:
    if detail := REFUSED_WRITES.get(sqlstate):
        return DatabaseAway(detail, refuses_writes=True)
    told = _AWAY.get(sqlstate) or _AWAY_CLASSES.get(sqlstate[:2])
    return DatabaseAway(told) if told else None
