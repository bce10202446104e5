"""The service in a separate process, with real HTTP and signals, as its users run it."""

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
from tests.support.local_http import local_http
from tests.support.ports import free_port

STARTS_WITHIN_S = 20
STOPS_WITHIN_S = 20


class ServerProcess:
    """`python -m src` with the test's settings."""

    #: The file that gets all it writes; without one, only errors are shown, by the tests' own stderr.
    said: Path | None = None

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._settings = {"DATA_DIR": str(data_dir), "PORT": str(self.port), **settings}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "HOST"}}
        with (self.said or Path(os.devnull)).open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "src"],
                cwd=SERVER_FOLDER,
                env={**environment, **self._settings},
                stdout=output,
                stderr=output if self.said else None,
            )
        deadline_s = time.monotonic() + STARTS_WITHIN_S
        while not self._is_ready():
            assert self._process.poll() is None, f"the server ended with status {self._process.returncode}"
            assert time.monotonic() < deadline_s, "the server did not start"
            time.sleep(0.05)

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
