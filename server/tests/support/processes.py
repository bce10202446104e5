"""The service in a separate process, with real HTTP and signals."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from src.config import SERVER_FOLDER
from tests.support.crash_servers import ForkedServer, the_nursery
from tests.support.local_http import local_http
from tests.support.ports import free_port

STARTS_WITHIN_S = 20
STOPS_WITHIN_S = 20
ENDS_WITHIN_S = 60
_numbers = itertools.count(1)


class ServerProcess:
    """`python -m src` with the test's settings, forked from a process that has imported what it needs.

    A fresh interpreter imports for longer than everything else takes; where its words are wanted it is one.
    """

    #: The file that gets all it writes; without one, what it says of errors is shown when it does not start.
    said: Path | None = None

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._settings = {"DATA_DIR": str(data_dir), "PORT": str(self.port), **settings}
        self._process: subprocess.Popen[bytes] | ForkedServer | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        log = self.said or the_nursery().folder / f"server-{self.port}.log"
        self._process = self._interpreter(log) if self.said else ForkedServer(the_nursery(), self._settings, log)
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while not self._is_ready():
            assert self._process.poll() is None, f"it ended with {self._process.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline_s, f"the server did not start: {log.read_text()}"
            time.sleep(0.05)

    def _interpreter(self, log: Path) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self._settings}
        with log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "src"], cwd=SERVER_FOLDER, env=environment, stdout=output, stderr=output
            )

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop it gracefully; returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(STOPS_WITHIN_S)

    def end_if_running(self) -> None:
        """Clean up after a test, whatever its result."""
        if self._process is not None and self._process.poll() is None:
            self.stop()

    def _is_ready(self) -> bool:
        try:
            return local_http.get(f"{self.base_url}/api/health/ready", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def server_process(data_dir: Path, **settings: str) -> Iterator[ServerProcess]:
    """Run the server for the duration of a test."""
    server = ServerProcess(data_dir, **settings)
    try:
        server.start()
        yield server
    finally:
        server.end_if_running()


def failed_start(**settings: str) -> tuple[int, str]:
    """Start a server that ends by itself; returns its exit status and what it said on stderr."""
    settings = {"PORT": str(free_port()), **settings}
    log = the_nursery().folder / f"start-{next(_numbers)}.log"
    status = ForkedServer(the_nursery(), settings, log).wait(ENDS_WITHIN_S)
    return status, log.read_text()
