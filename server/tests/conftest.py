"""Fixtures that several kinds of tests share. Every database is real, and a test's own."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from src.config import Settings
from src.postgres.embedded import EmbeddedPostgres
from tests.support.databases import create_database, create_template, folder_for_postgres
from tests.support.receivers import Receiver, serving
from tests.support.s3 import S3Server, running_s3
from tests.support.service import Service, running_service

# The settings of whoever runs the tests are not theirs, nor those of the servers that they start.
for setting in Settings.model_fields:
    os.environ.pop(setting.upper(), None)

# How long an example takes says nothing of the promise, only of what else the machine does.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if settings.get_current_profile_name() == "default":  # where CI is set, hypothesis chooses a profile of its own
    settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long proofs out, unless they were asked for."""
    long = [item for item in items if item.get_closest_marker("chaos_long")]
    for item in long:
        item.add_marker(pytest.mark.chaos)
    if not proofs_are_whole(config):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_collection_finish() -> None:
    """Spare the garbage collection what was imported and collected, which stays: as `python -m src` does."""
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell, at the end of a run, what tests counted and recorded as a `figure`."""
    passed = terminalreporter.stats.get("passed", [])
    figures = [str(value) for report in passed for name, value in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("counted")
        terminalreporter.write_line("\n".join(figures))


def proofs_are_whole(config: pytest.Config) -> bool:
    """Tell whether `-m` asks for the long proofs."""
    return "chaos" in config.option.markexpr.replace("not chaos", "")


@pytest.fixture(scope="session")
def in_every_run(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """Give how many of so many generated examples are tried: all in `make chaos`, else one in five."""
    share = 1 if proofs_are_whole(request.config) else 5
    return lambda examples: examples // share


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start one PostgreSQL for the whole run; its URL."""
    with folder_for_postgres() as folder:
        server = EmbeddedPostgres(folder)
        url = server.start()
        asyncio.run(create_template(url))
        yield url
        server.stop()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Start one S3 server for the whole run."""
    with running_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a folder for a server process of the test's own, with its embedded PostgreSQL."""
    with folder_for_postgres() as folder:
        yield folder


@pytest.fixture
async def database_url(postgres: str) -> str:
    """Make a database of the test's own, with the schema and nothing in it."""
    return await create_database(postgres)


@pytest.fixture
def run_service(database_url: str, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Service]]:
    """Give a way to run the service with settings of the test's own."""

    def run(**settings: Any) -> AbstractAsyncContextManager[Service]:
        return running_service(database_url, tmp_path / "data", **settings)

    return run


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Serve one receiver."""
    async with serving(Receiver()) as receiver:
        yield receiver


@pytest.fixture
async def receivers() -> AsyncIterator[list[Receiver]]:
    """Serve four receivers."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(serving(Receiver())) for _ in range(4)]


@pytest.fixture
async def service(
    run_service: Callable[..., AbstractAsyncContextManager[Service]], receiver: Receiver
) -> AsyncIterator[Service]:
    """Run the service with one receiver allowed."""
    async with run_service(callback_allowed_origins=(receiver.origin,)) as service:
        yield service
