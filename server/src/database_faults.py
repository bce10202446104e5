"""Classification of errors from PostgreSQL and its drivers: unavailable, read-only, to be retried, or a bug of ours."""

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from src.errors import DatabaseAway

#: Raised by the driver when PostgreSQL does not respond. While it is down asyncpg raises a bare OSError.
_NO_ANSWER = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # A crashing server sends an error on idle connections too. Using one before asyncpg notices that it was closed
    # raises this.
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
#: Rolled back because of concurrent transactions; a statement that is its own transaction may be retried.
COLLISIONS = {"40001", "40P01"}
_AWAY = {
    "53300": "The database has no connections left.",
    "25P03": "The database ended a session that was idle for too long.",
    "25P04": "The database ended a transaction that took too long.",
    "55P03": "The database is waiting for a lock held by another session.",
    "3D000": "The database does not exist.",
    **dict.fromkeys(COLLISIONS, "The database is busy with conflicting changes."),
}
_AWAY_CLASSES = {
    "08": "The database does not answer.",  # connection
    "28": "The database refuses the service's credentials.",
    "53": "The database lacks resources.",
    "57": "The database does not answer.",  # an operator stopped it, or the statement
    "58": "The database's machine reports a system error.",
}
_DOES_NOT_ANSWER = "The database does not answer."
READS_RETRY_AFTER_S = 1


def driver_error(error: BaseException) -> BaseException:
    """Return the asyncpg error inside an error of SQLAlchemy, which wraps it twice."""
    if isinstance(error, DBAPIError) and error.orig is not None and error.orig.__cause__ is not None:
        return error.orig.__cause__
    return error


def sqlstate_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or an empty string if it does not come from PostgreSQL."""
    found = driver_error(error)
    return (found.sqlstate or "") if isinstance(found, asyncpg.PostgresError) else ""


def as_away(error: BaseException) -> DatabaseAway | None:
    """Convert an error that means the database is unavailable; None for any other error."""
    found = driver_error(error)
    if isinstance(found, PoolTimeout):
        return DatabaseAway("Too many concurrent reads; try again.", READS_RETRY_AFTER_S)
    if isinstance(found, asyncpg.PostgresError):
        return _from_sqlstate(found.sqlstate or "")
    if isinstance(found, _NO_ANSWER) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseAway(_DOES_NOT_ANSWER)
    return None


def _from_sqlstate(sqlstate: str) -> DatabaseAway | None:
    if detail := REFUSED_WRITES.get(sqlstate):
        return DatabaseAway(detail, refuses_writes=True)
    detail = _AWAY.get(sqlstate) or _AWAY_CLASSES.get(sqlstate[:2])
    return DatabaseAway(detail) if detail else None
