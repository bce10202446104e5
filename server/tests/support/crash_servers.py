"""Server processes that crash tests start, stop, suspend and kill, each on its own port."""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import aiohttp

from src.config import SERVER_FOLDER
from tests.support.ports import free_port
from tests.support.waiting import eventually

STARTS_WITHIN_S = 30
ENDS_WITHIN_S = 20
LOG_SHOWN_BYTES_MAX = 4_000
#: What is so unless a test says otherwise: no limits, no simulated work, quick retries.
QUICK = {
    "RATE_LIMIT_ASYNC": "off",
    "RATE_LIMIT_SYNC": "off",
    "SIMULATED_MS_PER_TRANSACTION": "0",
    "CALLBACK_RETRY_DELAYS": "0.05,0.1,0.2",
}


class Nursery:
    """The process that forks servers; see `crashing_server`.

    Args:
        folder: where the servers' logs go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crashing_server"],
            cwd=SERVER_FOLDER,
            # numpy's threads would not survive a fork, and reports do not use them.
            env={**_own_environment(), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then close the nursery
        )
        self._turn = threading.Lock()

    def start(self, settings: dict[str, str], log: Path) -> int:
        """Fork a server; returns its process id."""
        pid: int = self._order({"start": settings, "log": str(log)})["pid"]
        return pid

    def signal(self, pid: int, number: int) -> None:
        """Send a signal, unless the server has ended."""
        self._order({"signal": number, "pid": pid})

    def look(self, pid: int) -> int | None:
        """Return a server's exit status, or the negative signal number; None while it is running."""
        status: int | None = self._order({"look": pid})["status"]
        return status

    def close(self) -> None:
        """Kill the remaining servers, and exit."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(ENDS_WITHIN_S)
        self._process.stdout.close()

    def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        assert line, "the nursery has died; its words are above"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _own_environment() -> dict[str, str]:
    settings_of_others = {"DATABASE_URL", "HOST", "PORT", "DATA_DIR"}
    return {name: value for name, value in os.environ.items() if name not in settings_of_others}


@functools.cache
def the_nursery() -> Nursery:
    """Start, once, the nursery of this process; it ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="frg-servers-")
    nursery = Nursery(Path(folder.name))
    atexit.register(folder.cleanup)
    atexit.register(nursery.close)  # before the other: the last one comes first
    return nursery


class ForkedServer:
    """A server that a nursery forked, to be used like a `subprocess.Popen`."""

    def __init__(self, nursery: Nursery, settings: dict[str, str], log: Path) -> None:
        self._nursery = nursery
        self.pid = nursery.start(settings, log)

    @property
    def returncode(self) -> int | None:
        """Its exit status; None while it is running."""
        return self._nursery.look(self.pid)

    def poll(self) -> int | None:
        """Return its exit status; None while it is running."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        self._nursery.signal(self.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Wait until it exits; returns the exit status.

        Raises:
            TimeoutError: it does not, within the time.
        """
        deadline_s = time.monotonic() + timeout_s
        while (status := self.returncode) is None:
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"process {self.pid} runs on after {timeout_s} s")
            time.sleep(0.01)
        return status


class CrashServer:
    """A server that a test can restart, always on the same port.

    Args:
        nursery: forks it.
        data_dir: its `DATA_DIR`.
        settings: the others, by the names they have in the environment.
    """

    def __init__(self, nursery: Nursery, data_dir: Path, **settings: str) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self.log = nursery.folder / f"server-{self.port}.log"
        self.settings = {**QUICK, "DATA_DIR": str(data_dir), "PORT": str(self.port), **settings}
        self.pid = 0
        self._nursery = nursery

    def spawn(self, crash_point: str = "", crash_at: int = 1, **settings: str) -> None:
        """Start it and do not wait.

        Args:
            crash_point: where it is to die; empty: nowhere.
            crash_at: which time it passes there, from 1.
            settings: others than at first, for this time.
        """
        assert not self.runs
        crash = {"FAILPOINT": crash_point, "CRASH_AT": str(crash_at)}
        self.pid = self._nursery.start({**self.settings, **settings, **crash}, self.log)

    async def start(self, **settings: str) -> None:
        """Start it, and wait until it is ready."""
        self.spawn("", 1, **settings)
        await self.ready()

    async def ready(self, within_s: float = STARTS_WITHIN_S) -> None:
        """Wait until it is ready."""

        async def is_ready() -> bool:
            assert self.runs, f"the server ended with {self.exit_status}: {self.words()}"
            return (await self.get("/api/health/ready"))[0] == 200

        await eventually(is_ready, within_s)

    @property
    def runs(self) -> bool:
        """Whether it is running."""
        return self.pid != 0 and self.exit_status is None

    @property
    def exit_status(self) -> int | None:
        """Its exit status, or the negative signal number."""
        return self._nursery.look(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._nursery.signal(self.pid, number)

    def signal_if_running(self, number: int) -> None:
        """Send a signal, if it is running."""
        if self.pid:
            self.signal(number)

    async def ended(self, within_s: float = ENDS_WITHIN_S) -> int:
        """Wait until it exits; returns the exit status."""
        await eventually(lambda: not self.runs, within_s)
        status = self.exit_status
        assert status is not None
        return status

    async def kill(self) -> None:
        """Kill it."""
        self.signal(signal.SIGKILL)
        await self.ended()

    async def stop(self) -> int:
        """Stop it gracefully; returns the exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def get(self, path: str, within_s: float = 3) -> tuple[int, Any]:
        """Send a request; returns status and JSON, or 0 and None without a response."""
        timeout = aiohttp.ClientTimeout(within_s)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self.base_url + path) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return 0, None

    async def leads(self) -> bool:
        """Whether it is the leader."""
        _, health = await self.get("/api/health")
        return health is not None and health["worker"]["leading"] is True

    def words(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-LOG_SHOWN_BYTES_MAX:].decode(errors="replace") if self.log.exists() else ""
