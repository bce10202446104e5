"""The operator's command line, run in this process; it has a loop of its own, so the tests that use it run none."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from src.database import connect_arguments
from src.manage.__main__ import main

#: Exit status, standard output, standard error.
Manage = Callable[..., tuple[int, str, str]]


def runner(capsys: pytest.CaptureFixture[str], *before: str) -> Manage:
    """Return what runs a command, whose first words are given."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            status = main([*before, *arguments])
        except SystemExit as exit_of_argparse:
            status = int(str(exit_of_argparse.code))
        out, err = capsys.readouterr()
        return status, out, err

    return run


def rows(url: str, query: str) -> list[dict[str, Any]]:
    """Read from the database."""

    async def read() -> list[dict[str, Any]]:
        connection = await asyncpg.connect(**connect_arguments(url))
        try:
            return [dict(record) for record in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(read())
