"""Bytes that are not a proper request are refused or cut off, and the server goes on as before."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import connect

from src.config import SERVER_FOLDER
from src.http_server.limits import CONNECTIONS_PER_ADDRESS_MAX, HEAD_BYTES_MAX
from src.http_server.protocol import LimitedHttpProtocol, limited_protocol
from tests.support.over_http import over_http
from tests.support.ports import free_port
from tests.support.waiting import eventually

GOOD = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
    await PlainTextResponse(str(length))(scope, receive, send)


@asynccontextmanager
async def serving(protocol: type[LimitedHttpProtocol] | None = None) -> AsyncIterator[int]:
    port = free_port()
    async with over_http(echo_length, port, protocol):
        yield port


async def exchange(port: int, *pieces: bytes, within_s: float = 5) -> bytes:
    """Send pieces and read until the server closes, or answers a good request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        async with asyncio.timeout(within_s):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            received = await reader.read(65_536)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/0.9\r\n\r\n",
        b"\0" * 100,
    ],
)
async def test_what_is_not_http_is_a_400_or_closed_and_the_next_request_is_fine(request_bytes: bytes) -> None:
    async with serving() as port:
        answer = await exchange(port, request_bytes)
        next_answer = await exchange(port, GOOD)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert next_answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("pieces", [1, 50])
async def test_a_head_over_16_kib_is_refused_whether_it_comes_at_once_or_in_pieces(pieces: int) -> None:
    head = b"GET / HTTP/1.1\r\nhost: x\r\nx-large: " + b"a" * HEAD_BYTES_MAX
    size = len(head) // pieces + 1
    async with serving() as port:
        unfinished = await exchange(port, *(head[at : at + size] for at in range(0, len(head), size)))
        finished = await exchange(port, head + b"\r\n\r\n")
        small = await exchange(port, b"GET / HTTP/1.1\r\nhost: x\r\nx-small: " + b"a" * 8_000 + b"\r\n\r\n")

    assert unfinished == b"" or unfinished.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    assert finished == b"" or finished.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    assert small.startswith(b"HTTP/1.1 200 ")


async def test_a_large_body_right_behind_the_head_is_not_taken_for_a_head() -> None:
    body = b"x" * (HEAD_BYTES_MAX * 3)
    head = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with serving() as port:
        answer = await exchange(port, head + body)

    assert answer.endswith(str(len(body)).encode())


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab"],
    ids=["says nothing", "half a head", "half a body"],
)
async def test_who_does_not_finish_is_cut_off(beginning: bytes) -> None:
    async with serving(limited_protocol(head_timeout_s=0.3, body_timeout_s=0.3)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(beginning)
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()

    assert not rest.startswith(b"HTTP/1.1 200")


async def test_one_address_has_a_limited_number_of_connections_and_gets_them_back() -> None:
    async with serving() as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_PER_ADDRESS_MAX)]
        refused = await exchange(port, GOOD)
        for _, writer in held:
            writer.close()

        async def is_served() -> bool:
            return (await exchange(port, GOOD)).startswith(b"HTTP/1.1 200 ")

        await eventually(is_served)

    assert refused == b""


SLOW_READER_BYTES = 4 * 1024 * 1024


async def send_much(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("x" * SLOW_READER_BYTES)(scope, receive, send)


async def connect_with_small_buffer(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


async def test_an_answer_nobody_reads_is_cut_off_and_one_that_is_read_slowly_arrives() -> None:
    loop = asyncio.get_running_loop()
    protocol = limited_protocol(write_timeout_s=0.8)
    port = free_port()
    async with over_http(send_much, port, protocol):
        stands, moves = await connect_with_small_buffer(port), await connect_with_small_buffer(port)
        for connection in (stands, moves):
            await loop.sock_sendall(connection, GOOD.replace(b"host", b"connection: close\r\nhost"))
        read, began_s = 0, loop.time()
        while piece := await loop.sock_recv(moves, 65_536):
            read += len(piece)
            if loop.time() - began_s < 3:  # several times the limit
                await asyncio.sleep(0.02)
        await eventually(lambda: not protocol.connection_limit.in_use, within_s=5)
        for connection in (stands, moves):
            connection.close()

    assert read > SLOW_READER_BYTES


async def test_what_is_still_sent_does_not_keep_the_peer_from_reading_its_refusal() -> None:
    async with serving() as port:
        answer = await exchange(port, b"garbage\r\n\r\n", *[b"x" * 65_536] * 8)

    assert answer.startswith(b"HTTP/1.1 400 ")


async def greet(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await echo_length(scope, receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    await receive()


async def test_closed_websockets_do_not_lock_their_address_out() -> None:
    port = free_port()
    async with over_http(greet, port):
        for _ in range(CONNECTIONS_PER_ADDRESS_MAX + 10):
            async with connect(f"ws://127.0.0.1:{port}/") as watcher:
                assert await watcher.recv() == "hello"
        answer = await exchange(port, GOOD)

    assert answer.startswith(b"HTTP/1.1 200 ")


OPEN_FILES = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
from src.__main__ import OPEN_FILES_MAX, allow_open_files
allow_open_files()
soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
print(soft == (OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)))
"""


def test_the_server_may_open_as_many_files_as_the_system_lets_it() -> None:
    said = subprocess.run([sys.executable, "-c", OPEN_FILES], cwd=SERVER_FOLDER, capture_output=True, check=True)

    assert said.stdout == b"True\n"


NO_FILES_LEFT = """
import logging, os, resource, sys
from src.logs import LineFormatter
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True: os.dup(0)
except OSError:
    record = logging.LogRecord("x", logging.ERROR, "x", 1, "line\\nbreak", None, sys.exc_info())
    print(LineFormatter(style="plain", debug=False).format(record).splitlines()[0])
"""


def test_a_line_is_logged_also_when_no_file_can_be_opened() -> None:
    said = subprocess.run([sys.executable, "-c", NO_FILES_LEFT], cwd=SERVER_FOLDER, capture_output=True, check=True)

    assert said.stdout == b"ERROR x: line\\nbreak\n"
