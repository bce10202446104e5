"""Bytes that are not a proper request are refused or cut off, and the server goes on as before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from src.http_server.limits import CONNECTIONS_OF_ONE_ADDRESS_MAX, HEAD_BYTES_MAX
from src.http_server.protocol import LimitedHttpProtocol, limited_protocol
from tests.support.over_http import over_http
from tests.support.processes import free_port
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
    async with serving(limited_protocol(head_within_s=0.3, body_within_s=0.3)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(beginning)
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()

    assert not rest.startswith(b"HTTP/1.1 200")


async def test_one_address_has_a_limited_number_of_connections_and_gets_them_back() -> None:
    async with serving() as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_OF_ONE_ADDRESS_MAX)]
        refused = await exchange(port, GOOD)
        for _, writer in held:
            writer.close()

        async def is_served() -> bool:
            return (await exchange(port, GOOD)).startswith(b"HTTP/1.1 200 ")

        await eventually(is_served)

    assert refused == b""
