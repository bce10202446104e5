"""The receivers of callbacks: a plain one, and one for each fault, each with its own origin."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

import orjson
from aiohttp import web

from src.loadgen.callbacks.ledger import Arrival, Ledger
from src.loadgen.callbacks.signatures import SignatureCheck
from src.loadgen.errors import CannotRun
from src.loadgen.options.faults import Fault

HANG_S = 3600.0
BACKLOG = 1024
CLEANUP_TIMEOUT_S = 0.2


@dataclass(frozen=True)
class Receiver:
    """One URL that callbacks are sent to."""

    fault: Fault
    url: str
    #: Scheme, host and port: the server delivers in order per origin.
    origin: str


class Receivers:
    """Listens, records callbacks in the ledger, and simulates faults.

    Args:
        faults: the fault of each receiver.
        host: address to listen on and to be called at.
        port: port of the first receiver; the others use the following ones. 0: any free ports.
        descriptor: a listening socket to use instead; all receivers share it, distinguished by path.
        check: verifies signatures; None: signatures are not checked.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        host: str,
        port: int = 0,
        descriptor: int | None = None,
        check: SignatureCheck | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._faults = faults
        self._host = host
        self._port = port
        self._descriptor = descriptor
        self._check = check
        self._clock = clock
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=CLEANUP_TIMEOUT_S)
        self._attempted: set[str] = set()
        self._indexes = {f"/callback/{fault}": index for index, fault in enumerate(faults)}
        self._behaves = True
        self.all: list[Receiver] = []
        self.ledger = Ledger([])

    async def start(self) -> None:
        """Start listening.

        Raises:
            CannotRun: the port is not available.
        """
        await self._runner.setup()
        sockets = self._sockets()
        for listener in dict.fromkeys(sockets):
            await web.SockSite(self._runner, listener, backlog=BACKLOG).start()
        for fault, listener in zip(self._faults, sockets, strict=True):
            origin = self._origin(listener)
            self.all.append(Receiver(fault, f"{origin}/callback/{fault}", origin))
        self.ledger = Ledger([receiver.origin for receiver in self.all])

    def begin(self) -> None:
        """End the warm-up: from now on callbacks count, and faults are simulated."""
        self.ledger.forget_warm_up()
        self._behaves = False

    @property
    def checks_signatures(self) -> bool:
        """Whether signatures are verified."""
        return self._check is not None

    async def stop(self) -> None:
        """Stop listening, and cancel hanging responses."""
        await self._runner.cleanup()

    def _sockets(self) -> list[socket.socket]:
        if self._descriptor is not None:
            try:
                return [socket.socket(fileno=self._descriptor)] * len(self._faults)
            except OSError:
                raise CannotRun("LOADGEN_RECEIVER_FD is not a listening socket.") from None
        return [self._bind(self._port + index if self._port else 0) for index in range(len(self._faults))]

    def _bind(self, port: int) -> socket.socket:
        listener = socket.socket(socket.AF_INET6 if ":" in self._host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, port))
        except (OSError, OverflowError) as error:
            listener.close()
            reason = getattr(error, "strerror", None) or "no such port"
            raise CannotRun(f"Callbacks cannot be received on {self._host}, port {port}: {reason}.") from None
        return listener

    def _origin(self, listener: socket.socket) -> str:
        bound, port = listener.getsockname()[:2]
        host = self._host if ip_address(bound).is_unspecified else bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        at_s = self._clock()
        index = self._indexes.get(request.path)
        if index is None or request.method != "POST":
            return web.Response(status=404)
        request_id, position = _read(body)
        if request_id is None:
            return web.Response(status=400)
        self.ledger.attempted(index)
        if self._check is not None and not self._check.is_good(request.headers, body):
            self.ledger.badly_signed(request_id, index)
            return web.Response(status=401)
        fault = Fault.PLAIN if self._behaves else self._faults[index]
        return await self._meet(fault, request_id, Arrival(at_s, index, position))

    async def _meet(self, fault: Fault, request_id: str, arrival: Arrival) -> web.StreamResponse:
        """Record a callback and respond as the fault requires."""
        is_first = request_id not in self._attempted
        self._attempted.add(request_id)
        refuses = fault is Fault.REJECT or (is_first and fault in {Fault.FAIL, Fault.HANG})
        if fault is Fault.DROP:
            self.ledger.close(request_id)
            return web.Response()
        self.ledger.arrived(request_id, arrival, acknowledged=not refuses)
        if fault is Fault.DOUBLE:
            self.ledger.arrived(request_id, arrival, acknowledged=True)
        if fault is Fault.REJECT:
            self.ledger.close(request_id)
            return web.Response(status=410)
        if refuses and fault is Fault.HANG:
            await asyncio.sleep(HANG_S)
        return web.Response(status=500 if refuses else 200)


def _read(body: bytes) -> tuple[str | None, int | None]:
    """Parse the request's id and position from a callback."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None, None
    if not isinstance(message, Mapping) or not isinstance(message.get("request_id"), str):
        return None, None
    position = message.get("queue_position")
    return message["request_id"], position if isinstance(position, int) else None
