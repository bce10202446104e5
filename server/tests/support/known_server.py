"""A server with known latencies: it chooses them, and logs the time of each request and response.

`python -m tests.support.known_server '{"latency_ms": 20}'` prints its port, answers every POST, and shows its log to
a GET. `time.perf_counter` is the machine's monotonic clock: the log can be compared with another process's times.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import httptools
import httpx
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


@dataclass(frozen=True)
class Known:
    """Latencies. Requests are counted from 0 as they arrive."""

    latency_ms: float = 0.0
    #: Every so many requests, one takes longer.
    slow_every: int | None = None
    slow_ms: float = 0.0
    #: When this request arrives, no answer leaves for so long.
    stall_at: int | None = None
    stall_s: float = 0.0


class KnownServer(asyncio.Protocol):
    """One connection."""

    def __init__(self, known: Known, log: list[list[float]], stall: list[float]) -> None:
        self._known = known
        self._log = log
        self._stall = stall
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            self._write(json.dumps(self._log).encode())
            return
        known, now_s, number = self._known, time.perf_counter(), len(self._log)
        entry = [now_s, 0.0]
        self._log.append(entry)
        if number == known.stall_at:
            self._stall[0] = now_s + known.stall_s
        is_slow = known.slow_every and number % known.slow_every == known.slow_every - 1
        latency_s = (known.slow_ms if is_slow else known.latency_ms) / 1e3
        leaves_s = max(now_s, self._stall[0]) + latency_s
        if leaves_s == now_s:
            self._answer(entry)
        else:
            self._loop.call_later(leaves_s - now_s, self._answer, entry)

    def _answer(self, entry: list[float]) -> None:
        entry[1] = time.perf_counter()
        self._write(b'{"request_id": "00000000-0000-4000-8000-000000000000"}')

    def _write(self, body: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER % (len(body), body))


async def serve(known: Known) -> None:
    """Serve for ever."""
    log: list[list[float]] = []
    stall = [0.0]
    server = await asyncio.get_running_loop().create_server(lambda: KnownServer(known, log, stall), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@dataclass
class RunningServer:
    """A known server in a separate process."""

    url: str

    def log(self) -> list[list[float]]:
        """Times of arrival and response of each request, in seconds, oldest first."""
        log: list[list[float]] = httpx.get(self.url).json()
        return log


@contextmanager
def known_server(known: Known) -> Iterator[RunningServer]:
    """Run one for the length of a test."""
    command = [sys.executable, "-m", "tests.support.known_server", json.dumps(asdict(known))]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield RunningServer(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    uvloop.run(serve(Known(**json.loads(sys.argv[1]))))
