"""More than sixty misbehaving receivers, each with the expected outcome."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from tests.support.hostile_answers import HEAD, OK, broken_answers, broken_bodies
from tests.support.ports import free_port
from tests.support.raw_receivers import Answer, RawReceiver, hangs, in_turn, says, then_closes

ATTEMPTS = 4
RETRY_WAIT_S = 0.1
RETRY_AFTER_S = 1.0
BOMB = gzip.compress(b"\0" * 50_000_000)
#: Connections that fill the queue of a socket that accepts none.
BACKLOG_FILLED_BY = 4

#: Status and error code of one attempt, as its row of the log tells them.
Row = tuple[int | None, str | None]
#: Listens on an address for the length of a `with` block; yields the port.
Listen = Callable[[str], AbstractAsyncContextManager[int]]


@dataclass
class Hostile:
    """A receiver, and the expected outcome of callbacks to it.

    Args:
        name: what it does wrong.
        listen: how.
        rows: the log of each callback, all of it.
        retry_wait_s: at least so long from one attempt to the next.
        callbacks: so many are sent to it, one after the other.
        scheme: how it is called.
        origin: where, once it listens.
    """

    name: str
    listen: Listen
    rows: list[Row]
    retry_wait_s: float = RETRY_WAIT_S
    callbacks: int = 1
    scheme: str = "http"
    origin: str = ""

    @property
    def ends_as(self) -> str:
        """The callback's status after the last attempt."""
        status = self.rows[-1][0]
        return "SUCCESS" if status is not None and 200 <= status < 300 else "FAILED"


def fails(error_code: str) -> list[Row]:
    """Expect every attempt to end without a response."""
    return [(None, error_code)] * ATTEMPTS


def refuses(status: int, attempts: int = ATTEMPTS) -> list[Row]:
    """Expect every attempt to end with this status."""
    return [(status, "bad_status")] * attempts


def served(answer: Answer, tls: ssl.SSLContext | None = None) -> Listen:
    """Read each request to its end and answer it as told."""

    @asynccontextmanager
    async def listen(host: str) -> AsyncIterator[int]:
        receiver = RawReceiver(answer)
        await receiver.start(host, 0, tls)
        try:
            yield receiver.port
        finally:
            await receiver.stop()

    return listen


def status(code: int, header: bytes = b"") -> Listen:
    """Respond with a bare status."""
    return served(says(b"HTTP/1.1 %d X\r\n%sContent-Length: 0\r\n\r\n" % (code, header)))


def after_bytes(count: int, answer: bytes | None) -> Listen:
    """Read up to so many bytes, then respond and close, or hang."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(count)
        if answer is None:
            await reader.read()
        writer.write(answer or b"")
        writer.close()

    @asynccontextmanager
    async def listen(host: str) -> AsyncIterator[int]:
        async with await asyncio.start_server(serve, host, 0) as server:
            yield server.sockets[0].getsockname()[1]

    return listen


@asynccontextmanager
async def nobody(_host: str) -> AsyncIterator[int]:
    """Do not listen."""
    yield free_port()


@asynccontextmanager
async def full(host: str) -> AsyncIterator[int]:
    """Listen without accepting, with a full backlog."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    waiting = [socket.socket(family) for _ in range(BACKLOG_FILLED_BY)]
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen(0)
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for one in waiting:
                one.close()


async def _stops_in_the_middle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 10)
    await writer.drain()
    await asyncio.sleep(RETRY_WAIT_S)
    writer.close()


def misbehaviours(canary_port: int, tls: ssl.SSLContext) -> list[Hostile]:
    """All of them.

    Args:
        canary_port: where redirects point to.
        tls: of a receiver whose certificate nobody vouches for.
    """
    return [*_of_http(), *_of_statuses(canary_port), *_of_connections(tls)]


def _of_http() -> list[Hostile]:
    bomb = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB
    return [
        *(Hostile(f"200, body {name}", served(answer), [(200, None)]) for name, answer in broken_bodies().items()),
        *(Hostile(name, served(answer), fails(code)) for name, (answer, code) in broken_answers().items()),
        Hostile("200, a gzip bomb", served(says(bomb)), [(200, None)]),
        Hostile("200, NUL", served(says(HEAD + b"Content-Length: 4\r\n\r\n\x00\x1b\xff\xfe")), [(200, None)]),
        Hostile("200, stops in the middle", served(_stops_in_the_middle), [(200, None)]),
    ]


def _of_statuses(canary_port: int) -> list[Hostile]:
    moved = b"Location: http://127.0.0.1:%d/\r\n" % canary_port
    patience = b"Retry-After: %d\r\n" % RETRY_AFTER_S
    in_words = b"Retry-After: when it suits us\r\n"
    unavailable = says(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n")
    gone = says(b"HTTP/1.1 410 X\r\nContent-Length: 0\r\n\r\n")
    all_at_once = in_turn(then_closes(b""), then_closes(b"x"), unavailable, gone)
    return [
        *(Hostile(f"{code}", status(code), [(code, None)]) for code in (201, 202, 204, 205, 299)),
        *(Hostile(f"{code}", status(code, moved), refuses(code, 1)) for code in (300, 301, 302, 303, 304, 307, 308)),
        *(Hostile(f"{code}", status(code), refuses(code, 1)) for code in (400, 401, 404, 410, 418, 499)),
        *(Hostile(f"{code}", status(code), refuses(code)) for code in (408, 425, 429, 500, 502, 599)),
        Hostile("429, Retry-After", status(429, patience), refuses(429), RETRY_AFTER_S),
        Hostile("429, Retry-After in words", status(429, in_words), refuses(429)),
        Hostile("503, Retry-After", status(503, patience), refuses(503), RETRY_AFTER_S),
        Hostile("503 once", served(in_turn(unavailable, says(OK))), [(503, "bad_status"), (200, None)]),
        Hostile("hangs once", served(in_turn(hangs, says(OK))), [(None, "timeout"), (200, None)]),
        Hostile(
            "each time something else",
            served(all_at_once),
            [(None, "connection_reset"), (None, "bad_http"), (503, "bad_status"), (410, "bad_status")],
        ),
    ]


def _of_connections(tls: ssl.SSLContext) -> list[Hostile]:
    false_answer = b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"
    leaves = in_turn(says(OK), then_closes(b"", reset=True), says(OK))
    return [
        Hostile("an answer too many", served(says(OK + false_answer)), [(200, None)], callbacks=3),
        Hostile("a byte too many", served(says(OK + b"x")), [(200, None)], callbacks=3),
        Hostile("leaves while idle", served(leaves), [(200, None)], callbacks=2),
        Hostile("closes in the middle of the request", after_bytes(10, b""), fails("connection_reset")),
        Hostile("nobody listens", nobody, fails("connect_failed")),
        Hostile("accepts nothing", full, fails("timeout")),
        Hostile("a certificate nobody vouches for", served(says(OK), tls), fails("tls_failure"), scheme="https"),
        Hostile("HTTP where TLS is expected", after_bytes(500, OK), fails("tls_failure"), scheme="https"),
        Hostile("a handshake that hangs", after_bytes(500, None), fails("timeout"), scheme="https"),
    ]
