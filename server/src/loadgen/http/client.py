"""Requests to one server over connections that are kept."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping

from src.loadgen.errors import CannotRun, printable
from src.loadgen.http.connection import CONNECTION, INTERRUPTED, LOCAL_RESOURCES, TIMEOUT, Answer, Connection
from src.loadgen.options.local_limits import lack_behind
from src.loadgen.options.target import Target

#: A connection that was idle for longer is not used again: the server may be closing it just now.
IDLE_S_MAX = 3.0
USER_AGENT = "financial-report-loadgen"


class HttpClient:
    """Requests to one target over connections that are kept; the one used last is used first.

    Args:
        target: where to.
        timeout_s: for a whole exchange, and for connecting.
        headers: sent with every request.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float,
        headers: Mapping[str, str],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.target = target
        self._timeout_s = timeout_s
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._tls = ssl.create_default_context() if target.scheme == "https" else None
        self._addresses: list[str] = []
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        given = {"Host": target.authority, "User-Agent": USER_AGENT, "Accept": "application/json", **headers}
        self._head = "".join(f"{name}: {value}\r\n" for name, value in given.items())

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Write a request once, to be sent many times."""
        head = f"{method} {self.target.prefix}{path} HTTP/1.1\r\n{self._head}"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode("latin-1") + b"\r\n" + (body or b"")

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and wait for what comes of it."""
        connection = self._kept() or await self._connect()
        if isinstance(connection, Answer):
            return connection
        answer = await connection.exchange(request, self._timeout_s)
        if connection.usable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        return answer

    async def open(self, count: int) -> None:
        """Connect before it counts, so that so many connections are ready."""
        opened = await asyncio.gather(*(self._connect() for _ in range(max(0, count - len(self._idle)))))
        self._idle += [connection for connection in opened if isinstance(connection, Connection)]

    def abort(self) -> None:
        """End every request under way as interrupted."""
        for connection in [*self._all]:
            connection.abort(INTERRUPTED)
        self._idle.clear()
        self._all.clear()

    async def find(self) -> None:
        """Look the host up, once.

        Raises:
            CannotRun: there is no such host.
        """
        target = self.target
        try:
            found = await self._loop.getaddrinfo(target.host, target.port, type=1)
        except OSError as error:
            raise CannotRun(_not_found(printable(target.host), error)) from None
        self._addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _kept(self) -> Connection | None:
        fresh_s = self._clock() - IDLE_S_MAX
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and connection.idle_since_s > fresh_s:
                return connection
            connection.abort(CONNECTION)
            self._all.discard(connection)
        return None

    async def _connect(self) -> Connection | Answer:
        """Connect to the first address that answers; the next time it is tried first."""
        failed = Answer(0, b"", self._clock(), CONNECTION, "no address")
        for address in [*self._addresses]:
            try:
                async with asyncio.timeout(self._timeout_s):
                    connection = await self._dial(address)
            except TimeoutError:
                failed = Answer(0, b"", self._clock(), TIMEOUT, "connecting took too long")
            except OSError as error:
                failed = _not_connected(error, self._clock())
            else:
                with contextlib.suppress(ValueError):
                    self._addresses.remove(address)
                self._addresses.insert(0, address)
                self._all.add(connection)
                return connection
        return failed

    async def _dial(self, address: str) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop, self._clock),
            address,
            self.target.port,
            ssl=self._tls,
            server_hostname=self.target.host if self._tls else None,
        )
        return connection


def _not_found(host: str, error: OSError) -> str:
    if lack := lack_behind(error):
        return f"The host {host} cannot be looked up: this machine {lack}."
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return f"The host {host} cannot be looked up now: {error.strerror}."
    return f"There is no host {host}: {error.strerror}."


def _not_connected(error: OSError, at_s: float) -> Answer:
    if lack := lack_behind(error):
        return Answer(0, b"", at_s, LOCAL_RESOURCES, f"the machine that sends {lack}")
    return Answer(0, b"", at_s, CONNECTION, _reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return printable((error.strerror or str(error) or type(error).__name__).lower())
