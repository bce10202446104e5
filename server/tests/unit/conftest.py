"""Receivers on this machine, and clients for them."""

import asyncio
import ipaddress
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from src.services.outbound.client import ReceiverClient
from src.services.outbound.guard import CallbackGuard
from src.services.outbound.tls import tls_context
from tests.support.callback_lanes import V4, Connect, Lane, Start, url_of
from tests.support.certificates import make_certificates, server_context
from tests.support.raw_receivers import Answer, RawReceiver
from tests.support.sealed_network import Names


@pytest.fixture
async def nothing_fails_unseen() -> AsyncIterator[None]:
    """What the event loop would only log fails the test."""
    seen: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: seen.append(context))
    yield
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert seen == []


class _Dialling:
    """Hears of every connection that Python begins; to another machine would be a broken test, and is not done."""

    def __init__(self) -> None:
        self.seen: list[socket.socket] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and self.seen is not None:
            sock, address = arguments
            if sock.family != socket.AF_UNIX:
                self.seen.append(sock)
                assert ipaddress.ip_address(address[0]).is_loopback, "a test dialled another machine"


@pytest.fixture(scope="session")
def _dialling() -> _Dialling:
    return _Dialling()


@pytest.fixture
def dialled(_dialling: _Dialling) -> Iterator[list[socket.socket]]:
    """Every socket that connects."""
    _dialling.seen = []
    yield _dialling.seen
    _dialling.seen = None


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts receivers on this machine."""
    started: list[RawReceiver] = []

    async def start(
        answer: Answer, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> RawReceiver:
        receiver = RawReceiver(answer)
        await receiver.start(host, port, tls)
        started.append(receiver)
        return receiver

    yield start
    for receiver in started:
        await receiver.stop()


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return tls_context()


@pytest.fixture
async def connect(tls: ssl.SSLContext) -> AsyncIterator[Connect]:
    """Makes clients; at the end they are closed and must leave nothing behind."""
    made: list[ReceiverClient] = []

    def connect(port: int, *, names: Names | None = None, trust: ssl.SSLContext = tls, **url: object) -> Lane:
        checked = url_of(port, **url)  # type: ignore[arg-type]
        made.append(ReceiverClient(checked.receiver, CallbackGuard(names or Names([V4])), trust))
        return Lane(made[-1], checked)

    yield connect
    for client in made:
        await client.aclose()
    await asyncio.sleep(0)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server_tls(certificates: Path) -> ssl.SSLContext:
    return server_context(certificates)


@pytest.fixture
def trust(certificates: Path) -> ssl.SSLContext:
    context = tls_context()
    context.load_verify_locations(certificates / "ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    return context
