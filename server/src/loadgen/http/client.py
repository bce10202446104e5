"""An HTTP client for one server, with a connection pool."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping

from src.loadgen.errors import CannotRun, printable
from src.loadgen.http.connection import CONNECTION, INTERRUPTED, LOCAL_RESOURCES, TIMEOUT, Connection, Response
from src.loadgen.options.local_limits import lack_behind
from src.loadgen.options.target import Target

#: Seconds after which an idle connection is not reused, because the server may be closing it.
IDLE_S_MAX = 3.0
USER_AGENT = "financial-report-loadgen"


class HttpClient:
    """Sends requests to one server over a LIFO pool of connections.

    Args:
        target: the server.
        timeout_s: timeout of an exchange, and of connecting.
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
        """Encode a request, to be sent many times."""
        head = f"{method} {self.target.prefix}{path} HTTP/1.1\r\n{self._head}"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return head.encode("latin-1") + b"\r\n" + (body or b"")

    async def exchange(self, request: bytes) -> Response:
        """Send a request and wait for its response or failure."""
        connection = self._kept() or await self._connect()
        if isinstance(connection, Response):
            return connection
        response = await connection.exchange(request, self._timeout_s)
        if connection.usable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        return response

    async def open(self, count: int) -> None:
        """Open connections before the measurement until `count` are idle."""
        opened = await asyncio.gather(*(self._connect() for _ in range(max(0, count - len(self._idle)))))
        self._idle += [connection for connection in opened if isinstance(connection, Connection)]

    def abort(self) -> None:
        """Fail every request in flight as interrupted."""
        for connection in [*self._all]:
            connection.abort(INTERRUPTED)
        self._idle.clear()
        self._all.clear()

    async def find(self) -> None:
        """Resolve the host, once.

        Raises:
            CannotRun: the host cannot be resolved.
        """
        target = self.target
        try:
            found = await self._loop.getaddrinfo(target.host, target.port, type=1)
        except OSError as error:
            raise CannotRun(_unresolved(printable(target.host), error)) from None
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

    async def _connect(self) -> Connection | Response:
        """Connect to the first reachable address, which is tried first the next time."""
        failed = Response(0, b"", self._clock(), CONNECTION, "no address")
        for address in [*self._addresses]:
            try:
                async with asyncio.timeout(self._timeout_s):
                    connection = await self._dial(address)
            except TimeoutError:
                failed = Response(0, b"", self._clock(), TIMEOUT, "connecting took too long")
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


def _unresolved(host: str, error: OSError) -> str:
    if lack := lack_behind(error):
        return f"The host {host} cannot be resolved: this machine {lack}."
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return f"The host {host} cannot be resolved now: {error.strerror}."
    return f"There is no host {host}: {error.strerror}."


def _not_connected(error: OSError, at_s: float) -> Response:
    if lack := lack_behind(error):
        return Response(0, b"", at_s, LOCAL_RESOURCES, f"this machine {lack}")
    return Response(0, b"", at_s, CONNECTION, _reason(error))


def _reason(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return printable((error.strerror or str(error) or type(error).__name__).lower())
