"""What the proofs share. Long ones run when `-m` names chaos (`make chaos`), the others in every test run."""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import proofs_are_whole
from tests.support.crash_servers import CrashServer, Nursery, the_nursery
from tests.support.receivers import Receiver

HERE = Path(__file__).parent

Proof = Callable[[str], None]
StartServer = Callable[..., CrashServer]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.chaos)


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Proof:
    """Give a way to tell what was proved, in one line."""
    plugins = request.config.pluginmanager
    terminal, capture = plugins.get_plugin("terminalreporter"), plugins.get_plugin("capturemanager")

    def tell(line: str) -> None:
        if terminal is not None and capture is not None and proofs_are_whole(request.config):
            with capture.global_and_fixture_disabled():
                terminal.ensure_newline()
                terminal.write_line(line)

    return tell


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Choose the dice: CHAOS_SEED repeats a run. Told when the test fails."""
    chosen = int(os.environ.get("CHAOS_SEED") or random.randrange(1_000_000))
    request.node.add_report_section("setup", "dice", f"CHAOS_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def nursery() -> Nursery:
    """Give the process that forks servers."""
    return the_nursery()


@pytest.fixture
def server(nursery: Nursery, tmp_path: Path, database_url: str, receivers: list[Receiver]) -> Iterator[StartServer]:
    """Give a way to have servers on one database and one folder; those that still run are killed at the end."""
    origins = ",".join(receiver.origin for receiver in receivers)
    with ExitStack() as stack:

        def make(**settings: str) -> CrashServer:
            given = {"DATABASE_URL": database_url, "CALLBACK_ALLOWED_ORIGINS": origins, **settings}
            made = CrashServer(nursery, tmp_path, **given)
            stack.callback(made.signal_if_running, 9)
            return made

        yield make
