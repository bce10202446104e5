"""What the drivers raise is told apart: away, changes refused, or a fault of ours that nobody hides."""

import asyncio

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from src.database import database_errors
from src.database_faults import as_away
from src.errors import DatabaseAway


def said_by_postgresql(sqlstate: str) -> asyncpg.PostgresError:
    error: asyncpg.PostgresError = asyncpg.PostgresError.new({"C": sqlstate, "M": "hush", "S": "ERROR"})
    return error


def wrapped(error: Exception) -> DBAPIError:
    """Wrap an error as SQLAlchemy does."""
    outer = Exception()
    outer.__cause__ = error
    return DBAPIError("SELECT 1", {}, outer)


@pytest.mark.parametrize(
    ("sqlstate", "refuses_writes"),
    [
        *[(one, True) for one in ("25006", "53100", "53200", "53000", "53400", "42501", "58030")],
        *[(one, False) for one in ("53300", "57014", "57P01", "57P02", "57P03", "57P05", "08006", "08P01", "28000")],
        *[(one, False) for one in ("28P01", "3D000", "40001", "40P01", "55P03", "25P03", "25P04", "58000")],
    ],
)
def test_what_postgresql_says_when_it_cannot_work_is_that_it_is_away(sqlstate: str, *, refuses_writes: bool) -> None:
    for error in (said_by_postgresql(sqlstate), wrapped(said_by_postgresql(sqlstate))):
        away = as_away(error)

        assert away is not None
        assert away.refuses_writes is refuses_writes
        assert away.retry_after_s > 0
        assert "hush" not in away.detail


@pytest.mark.parametrize("sqlstate", ["22003", "23505", "42601", "42P01", "XX000"])
def test_a_fault_of_ours_is_not_hidden(sqlstate: str) -> None:
    assert as_away(said_by_postgresql(sqlstate)) is None
    assert as_away(wrapped(said_by_postgresql(sqlstate))) is None


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        PoolTimeout(),
        asyncpg.InterfaceError("hush"),
        asyncpg.InternalClientError("hush"),
        wrapped(ConnectionResetError()),
    ],
)
async def test_silence_and_a_pool_without_a_connection_are_signs_too(error: Exception) -> None:
    with pytest.raises(DatabaseAway):
        async with database_errors():
            raise error


async def test_no_answer_in_time_is_one_as_well() -> None:
    with pytest.raises(DatabaseAway):
        async with database_errors(within_s=0.01):
            await asyncio.sleep(1)
