"""What this machine lacks is no fault of a receiver: it is waited for, told, and costs no attempt."""

import errno
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from src.services.delivery.schedule import next_wait_s
from src.services.outbound.client import (
    LACK_LOOKED_AT_EVERY_S,
    LACK_WAITED_FOR_S,
    Failure,
    LocalLacks,
    ReceiverClient,
    Reply,
)
from src.services.outbound.guard import Address, CallbackGuard, LacksResources, ResolutionFailed, ThreadResolver
from src.services.outbound.transport import AddressInfo, open_socket
from tests.support.callback_lanes import BODY, HEADERS, V4, V6, Start, code, url_of
from tests.support.hostile_answers import OK
from tests.support.raw_receivers import says
from tests.support.sealed_network import Names

pytestmark = pytest.mark.usefixtures("nothing_fails_unseen", "dialled")


class Sleeps:
    """Sleeps no time; sees what is told meanwhile."""

    def __init__(self, lacks: LocalLacks) -> None:
        self._lacks = lacks
        self.told: list[str | None] = []

    async def __call__(self, seconds: float) -> None:
        assert seconds == LACK_LOOKED_AT_EVERY_S
        self.told.append(self._lacks.trouble)


def refusing(number: int, times: float) -> Callable[[AddressInfo], socket.socket]:
    """Make no socket so many times, for this reason."""
    left = times

    def make(info: AddressInfo) -> socket.socket:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OSError(number, os.strerror(number))
        return open_socket(info)

    return make


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
@pytest.mark.parametrize("addresses", [[V4], [V6, V4]])
async def test_an_attempt_waits_for_this_machine_and_is_sent_once(
    start: Start, tls: ssl.SSLContext, number: int, addresses: list[Address]
) -> None:
    receiver = await start(says(OK))
    url = url_of(receiver.port, host="a.test")
    lacks = LocalLacks()
    sleeps = Sleeps(lacks)
    client = ReceiverClient(
        url.receiver,
        CallbackGuard(Names(addresses)),
        tls,
        refusing(number, 3 * len(addresses)),
        lacks=lacks,
        sleep=sleeps,
    )

    assert await client.post(url, HEADERS, BODY, deadline_s=5) == Reply(200, None, b"ok")
    assert len(receiver.requests) == 1
    assert len(sleeps.told) == 3
    assert all(told and told.startswith("1 callbacks wait: this machine has no ") for told in sleeps.told)
    assert lacks.trouble is None
    await client.aclose()


async def test_a_lack_that_does_not_pass_is_named_and_costs_no_attempt(tls: ssl.SSLContext) -> None:
    url = url_of(9)
    lacks = LocalLacks()
    sleeps = Sleeps(lacks)
    never = refusing(errno.EMFILE, float("inf"))
    client = ReceiverClient(url.receiver, CallbackGuard(Names([V4])), tls, never, lacks=lacks, sleep=sleeps)
    outcome = await client.post(url, HEADERS, BODY, deadline_s=5)

    assert code(outcome) == "local_resources"
    assert outcome == Failure("local_resources", "this machine has no file descriptor left (Too many open files)")
    assert len(sleeps.told) * LACK_LOOKED_AT_EVERY_S == LACK_WAITED_FOR_S
    for attempts in (1, 4, 100):
        wait_s = next_wait_s(outcome, attempts, (2.0,), now=datetime.now(UTC), chance=0)
        assert wait_s is not None
        assert wait_s > 0
    await client.aclose()


async def test_a_machine_without_a_free_port_to_a_receiver_lacks_one(start: Start, tls: ssl.SSLContext) -> None:
    receiver = await start(says(OK))
    url = url_of(receiver.port)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.connect(("127.0.0.1", receiver.port))

        def from_the_same_port(info: AddressInfo) -> socket.socket:
            sock = open_socket(info)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(taken.getsockname())
            return sock

        lacks = LocalLacks()
        client = ReceiverClient(
            url.receiver, CallbackGuard(Names([V4])), tls, from_the_same_port, lacks=lacks, sleep=Sleeps(lacks)
        )
        outcome = await client.post(url, HEADERS, BODY, deadline_s=5)
    await client.aclose()

    assert outcome == Failure("local_resources", f"this machine has no port left ({os.strerror(errno.EADDRNOTAVAIL)})")


async def test_a_receiver_that_refuses_is_not_taken_for_a_lack(start: Start, tls: ssl.SSLContext) -> None:
    receiver = await start(says(OK))
    await receiver.stop()
    url = url_of(receiver.port)
    client = ReceiverClient(url.receiver, CallbackGuard(Names([V4])), tls)

    assert code(await client.post(url, HEADERS, BODY, deadline_s=5)) == "connect_failed"
    await client.aclose()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "this machine has no file descriptor left"),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), "this machine has no memory left"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "cannot be looked up now: Temporary failure"),
        (socket.gaierror(socket.EAI_NONAME, "Name not known"), "has no address: Name not known"),
    ],
)
async def test_a_failed_lookup_says_whose_fault_it_is(error: OSError, expected: str) -> None:
    def fails(_host: str, _port: int) -> list[Address]:
        raise error

    resolver = ThreadResolver(fails)
    with pytest.raises((LacksResources, ResolutionFailed)) as failed:
        await resolver("a.test", 80)
    resolver.close()

    assert expected in str(failed.value)
    assert failed.value.error_code == ("local_resources" if "machine" in expected else "dns_failure")


async def test_a_lookup_without_a_thread_is_a_lack() -> None:
    def no_thread(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.raises(LacksResources, match="no thread left"):
        await ThreadResolver(start=no_thread)("a.test", 80)


PROGRAM = """
import asyncio, os, resource
from src.services.outbound.client import ReceiverClient, LocalLacks
from src.services.outbound.guard import CallbackGuard, ThreadResolver
from src.services.outbound.tls import tls_context
from src.services.outbound.callback_url import CallbackPolicy

async def answer(reader, writer):
    await reader.readuntil(b"}")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    origin = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    url = CallbackPolicy(frozenset({origin})).check(origin + "/")
    lacks = LocalLacks()
    waits = []
    async def sleep(seconds):
        waits.append(lacks.trouble)
        if len(waits) == 3:
            for descriptor in taken:
                os.close(descriptor)
        await asyncio.sleep(0)
    resolver = ThreadResolver()
    client = ReceiverClient(origin, CallbackGuard(resolver), tls_context(), lacks=lacks, sleep=sleep)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    print(await client.post(url, {}, b"{}", deadline_s=5), waits)

asyncio.run(main())
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_process_out_of_descriptors_says_so_and_goes_on_when_there_are_some(host: str) -> None:
    program = PROGRAM.replace("HOST", f"'{host}'")
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=True, text=True)

    assert ran.stdout.startswith("Reply(status_code=200")
    assert ran.stdout.count("this machine has no file descriptor left (Too many open files)") == 3
