"""The server as crash tests start it: it dies at a named place when told to, and starts in half a second.

    python -m tests.support.crashing_server

reads orders from standard input and answers each, one JSON object a line; `crash_servers` is the other end.

    {"start": {"PORT": "…", …}, "log": "…"}   →  {"pid": 123}       also FAILPOINT, CRASH_AT, WALL_CLOCK_OFFSET_S
    {"signal": 9, "pid": 123}                 →  {"status": null}
    {"look": 123}                             →  {"status": -9}     null while it lives

What the server imports is imported once, here; each server is a fork of this process that goes on to
`src.__main__.main()`. When standard input ends, what was started is killed.

Before anything of `src` is imported, another module takes the place of `src.failpoints`. In production there
is none, and nothing that could be set: the three names above are read here alone.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any


class CrashPoints(ModuleType):
    """Replaces `src.failpoints`: kills the process when a failpoint is reached for the n-th time."""

    def __init__(self) -> None:
        super().__init__("src.failpoints")
        self._lock = threading.Lock()
        self._name = ""
        self._passes_left = 0

    def arm(self, name: str, at: int) -> None:
        """Choose the failpoint and the occurrence; an empty name disables it."""
        self._name, self._passes_left = name, at

    def reached(self, name: str) -> None:
        """Pass a failpoint, or die there."""
        if name == self._name:
            with self._lock:
                self._passes_left -= 1
                if self._passes_left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


class Nursery:
    """Forks servers, and keeps their exit statuses."""

    def __init__(self, failpoints: CrashPoints) -> None:
        self._failpoints = failpoints
        self._ended: dict[int, int | None] = {}

    def obey(self) -> bool:
        """Process commands until the end of input; returns whether this process is a forked server."""
        for line in sys.stdin:
            order = json.loads(line)
            if "start" in order:
                pid = os.fork()
                if pid == 0:
                    self._become_a_server(order["start"], order["log"])
                    return True
                self._ended[pid] = None
                answer: dict[str, int | None] = {"pid": pid}
            else:
                answer = {"status": self._signal_or_look(order)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
        self._kill_all()
        return False

    def _become_a_server(self, settings: dict[str, str], log: str) -> None:
        os.environ.update(settings)
        self._failpoints.arm(os.environ.get("FAILPOINT", ""), int(os.environ.get("CRASH_AT", "1")))
        for descriptor, path, how in (
            (0, os.devnull, os.O_RDONLY),
            (1, os.devnull, os.O_WRONLY),
            (2, log, os.O_WRONLY),
        ):
            opened = os.open(path, how | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(opened, descriptor)
            os.close(opened)

    def _signal_or_look(self, order: dict[str, Any]) -> int | None:
        pid = order.get("look") or order["pid"]
        if self._ended[pid] is None:  # not waited for, so the pid is still its own
            if "signal" in order:
                os.kill(pid, order["signal"])
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._ended[pid] = os.waitstatus_to_exitcode(status)
        return self._ended[pid]

    def _kill_all(self) -> None:
        for pid, status in self._ended.items():
            if status is None:
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)


def import_everything() -> None:
    """Import what a server needs before forking; `src.app` is left out because it reads settings on import."""
    for name in (
        "alembic.command",
        "src.app",
        "src.__main__",
        "uvicorn.lifespan.on",
        "uvicorn.loops.uvloop",
        "uvicorn.protocols.http.httptools_impl",
        "uvicorn.protocols.websockets.auto",
    ):
        importlib.import_module(name)
    del sys.modules["src.app"]


def set_the_wall_clock(offset_s: float) -> None:
    """Shift this process's wall clock, as if the machine's clock had been set."""
    clock = importlib.import_module("src.services.kit.clock").SteadyClock
    clock.__init__.__defaults__ = (lambda: datetime.now(UTC) + timedelta(seconds=offset_s), time.monotonic)


def main() -> int:
    """Run as a nursery, and after a fork as a server; returns the exit status."""
    failpoints = CrashPoints()
    sys.modules["src.failpoints"] = failpoints
    import_everything()
    if not Nursery(failpoints).obey():
        return 0
    set_the_wall_clock(float(os.environ.get("WALL_CLOCK_OFFSET_S", "0")))
    status: int = importlib.import_module("src.__main__").main([])
    return status


if __name__ == "__main__":
    sys.exit(main())
