"""Closing access to the database closes every connection, whatever runs on it."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from src.database import open_engine
from tests.support.database_state import fetch
from tests.support.waiting import eventually

RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT pg_sleep(2)'"


async def test_a_query_that_still_runs_leaves_no_connection_open(database_url: str) -> None:
    used: list[Any] = []

    async def is_running() -> bool:
        return bool((await fetch(database_url, RUNNING))[0][0])

    async with open_engine(database_url) as engine:

        async def read() -> None:
            async with engine.connect() as connection:
                used.append((await connection.get_raw_connection()).driver_connection)
                await connection.execute(text("SELECT pg_sleep(2)"))

        reading = asyncio.create_task(read())
        await eventually(is_running)

    assert used[0].is_closed()
    with pytest.raises(DBAPIError):
        await reading


async def test_a_query_after_the_end_opens_no_connection(database_url: str) -> None:
    async with open_engine(database_url) as engine:
        pass

    with pytest.raises(DBAPIError, match="the engine is closed"):
        async with engine.connect():
            pass
