"""Measured programs: started, observed as process trees, and terminated by their own process ids."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import psutil  # type: ignore[import-untyped] # ships no types

from src.config import SERVER_FOLDER, Settings
from tests.support.ports import free_port

READY_WITHIN_S = 30.0
ENDS_WITHIN_S = 25.0
ASKED_EVERY_S = 0.005
LAST_WORDS_BYTES = 4_000
#: Counted by every request, and never reached.
LIMIT_NOT_HIT = "9999999/minute"
#: Both sides sign with it: no secret, only equal.
SIGNING_SECRET = "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g="


class Program:
    """A program and its child processes.

    Args:
        arguments: the command line.
        ready: tells whether it can be used.
        log: where its output goes.
        settings: added to the environment.
    """

    def __init__(
        self, arguments: Sequence[str], *, ready: Callable[[], bool], log: Path, settings: Mapping[str, str]
    ) -> None:
        self._arguments = arguments
        self._ready = ready
        self._log = log
        ours = {name.upper() for name in Settings.model_fields}
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        self._environment = {**kept, **settings}

    def start(self) -> float:
        """Start it and wait until it is ready; returns the startup time in seconds."""
        started_s = time.perf_counter()
        with self._log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for us, and we end it.
            self._process = subprocess.Popen(
                self._arguments,
                cwd=SERVER_FOLDER,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            while not self._ready():
                self._check(time.perf_counter() - started_s)
                time.sleep(ASKED_EVERY_S)
        except BaseException:
            self.stop()
            raise
        return time.perf_counter() - started_s

    def _check(self, waited_s: float) -> None:
        ended = self._process.poll()
        if ended is not None or waited_s > READY_WITHIN_S:
            said = self._log.read_bytes()[-LAST_WORDS_BYTES:].decode(errors="replace")
            raise RuntimeError(f"{' '.join(self._arguments)} did not start (status {ended}):\n{said}")

    def stop(self) -> None:
        """Stop it, gracefully if possible."""
        family = self._tree()
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN_S)
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()  # by a handle that knows the process from one that got its id later
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _tree(self) -> list[psutil.Process]:
        try:
            top = psutil.Process(self._process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_s(self) -> float:
        """CPU time of all its processes so far, user and system."""
        used_s: list[float] = [sum(process.cpu_times()[:2]) for process in self._tree()]
        return sum(used_s)

    def pss_mb(self) -> float:
        """Proportional set size (PSS) of all its processes."""
        return sum(_kb(Path(f"/proc/{process.pid}/smaps_rollup"), "Pss") for process in self._tree()) / 1024

    def peak_rss_mb(self) -> float:
        """Peak memory of its first process."""
        return _kb(Path(f"/proc/{self._process.pid}/status"), "VmHWM") / 1024


def _kb(file: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith(f"{name}:"))


def answers(port: int, path: str) -> bool:
    """Return whether a GET responds with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class WebProgram(Program):
    """A program that serves HTTP on a free port."""

    def __init__(self, arguments: Sequence[str], *, path: str, log: Path, settings: Mapping[str, str]) -> None:
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        arguments = [argument.replace("{port}", str(self.port)) for argument in arguments]
        settings = {"PORT": str(self.port), **settings}
        super().__init__(arguments, ready=lambda: answers(self.port, path), log=log, settings=settings)


def service(folder: Path, **settings: str) -> WebProgram:
    """Our service: limits are counted and not hit, and no work is simulated, unless settings say otherwise.

    Args:
        folder: for its files, and its database unless DATABASE_URL is among the settings.
        settings: as in its environment.
    """
    chosen = {
        "DATA_DIR": str(folder),
        "SIMULATED_MS_PER_TRANSACTION": "0",
        "RATE_LIMIT_ASYNC": LIMIT_NOT_HIT,
        "RATE_LIMIT_SYNC": LIMIT_NOT_HIT,
        "MAX_PENDING_REQUESTS": "10000000",
        "MAX_PENDING_PER_CALLER": "10000000",  # all load comes from one address, and all receivers have one
        "CALLBACK_RATE_PER_RECEIVER": "99999/second",
        "WEBHOOK_SIGNING_SECRETS": SIGNING_SECRET,
        **settings,
    }
    folder.mkdir(exist_ok=True)
    return WebProgram(
        [sys.executable, "-m", "src"], path="/api/health/ready", log=folder / "output.log", settings=chosen
    )


def baseline_app(module: str, folder: Path, **settings: str) -> WebProgram:
    """A FastAPI app of the baselines, served as ours is: one process, uvloop, httptools, no access log."""
    arguments = [sys.executable, "-m", "uvicorn", f"bench.baselines.{module}:app", "--port", "{port}"]
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    folder.mkdir(exist_ok=True)
    settings = {"BENCH_FOLDER": str(folder), **settings}
    return WebProgram(arguments + options, path="/openapi.json", log=folder / "output.log", settings=settings)


@contextmanager
def processor_time(programs: Sequence[Program]) -> Iterator[list[float]]:
    """Measure the CPU time of programs in a `with` block, seconds; appended to the list at the end."""
    before_s = sum(program.cpu_s() for program in programs)
    used_s: list[float] = []
    yield used_s
    used_s.append(sum(program.cpu_s() for program in programs) - before_s)
