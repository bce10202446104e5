"""What a receiver may send, to the byte: a complete answer counts, and beyond a limit the limit is named."""

import asyncio
import time
import tracemalloc

import pytest

from src.services.outbound.client import Failure, Reply
from src.services.outbound.wire import BODY_WIRE_BYTES_MAX, HEAD_BYTES_MAX, HEAD_LINES_MAX
from tests.support.callback_lanes import LONG_S, Connect, Start, code
from tests.support.hostile_answers import HEAD, OK
from tests.support.raw_receivers import Answer, in_turn, repeats, says, then_closes

pytestmark = pytest.mark.usefixtures("nothing_fails_unseen", "dialled")

END = b"Content-Length: 0\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OTHER_LINES = len((HEAD + END).split(b"\r\n")) - 1
EARLY = b"HTTP/1.1 103 Early\r\n\r\n"
#: Far more than a whole attempt may take in, and far less than an endless answer would be.
MEMORY_BYTES_MAX = 4 * 1024 * 1024


def of_bytes(count: int) -> bytes:
    """A complete answer whose head has so many bytes, nearly all of them in one line."""
    line = b"X: %s\r\n" % (b"x" * (count - len(HEAD + b"X: \r\n" + END)))
    assert len(HEAD + line + END) == count
    return HEAD + line + END


def of_lines(count: int) -> bytes:
    """A complete answer whose head has so many lines, the empty one too."""
    return HEAD + b"X: y\r\n" * (count - OTHER_LINES) + END


COMPLETE = {
    "a header line of 9,000 bytes": HEAD + b"X: " + b"x" * 9000 + b"\r\n" + END,
    "200 header lines": HEAD + b"X: y\r\n" * 200 + END,
    "the longest head": of_bytes(HEAD_BYTES_MAX),
    "the most lines": of_lines(HEAD_LINES_MAX),
    "a long reason": b"HTTP/1.1 200 " + b"x" * 9000 + b"\r\n" + END,
    "an empty reason": b"HTTP/1.1 200 \r\n" + END,
    "no reason": b"HTTP/1.1 200\r\n" + END,
    "a reason that is not ASCII": "HTTP/1.1 200 Übel ☠\r\n".encode() + END,
    "lines that end in LF alone": (HEAD + END).replace(b"\r\n", b"\n"),
    "a blank line first": b"\r\n" + HEAD + END,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n" + END,
    "HTTP/1.0, kept open": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + END,
    "closing": HEAD + b"Connection: close\r\n" + END,
    "many interim answers": EARLY * 300 + HEAD + END,
    "many cookies": HEAD + b"Set-Cookie: a=b; Path=/; Expires=never\r\n" * 900 + END,
    "a cookie of 60 KiB": HEAD + b"Set-Cookie: " + b"a=b;" * 15_000 + b"\r\n" + END,
    "an offer to upgrade": HEAD + b"Connection: upgrade\r\nUpgrade: h2c, websocket\r\n" + END,
    "another protocol to use": HEAD + b'Alt-Svc: h3=":443"\r\nStrict-Transport-Security: max-age=1\r\n' + END,
    "a place to go": HEAD + b"Location: http://127.0.0.1:1/\r\nRefresh: 0; url=/\r\n" + END,
    "a challenge": HEAD + b'WWW-Authenticate: Digest realm="a", nonce="b"\r\n' + END,
    "headers that are not ASCII": HEAD + b"X: \xff\xfe\x80\r\n" + END,
    "trailers": CHUNKED + b"0\r\nA: b\r\n\r\n",
    "a chunk extension": CHUNKED + b"0;a=b;c\r\n\r\n",
}
BEYOND = {
    "a head that is a byte too long": (of_bytes(HEAD_BYTES_MAX + 1), "longer than 64 KiB"),
    "a line too many": (of_lines(HEAD_LINES_MAX + 1), "more than 1,000 lines"),
    "a reason without end": (b"HTTP/1.1 200 " + b"x" * HEAD_BYTES_MAX, "longer than 64 KiB"),
    "a name without end": (HEAD + b"x" * HEAD_BYTES_MAX, "longer than 64 KiB"),
    "a value without end": (HEAD + b"X: " + b"x" * HEAD_BYTES_MAX, "longer than 64 KiB"),
    "too many interim answers": (EARLY * 501 + HEAD + END, "more than 1,000 lines"),
    "interim answers that are too long": ((b"HTTP/1.1 103 E\r\nX: " + b"x" * 5000 + b"\r\n\r\n") * 14, "64 KiB"),
    "blank lines for ever": (b"\r\n" * 1001, "more than 1,000 lines"),
}


@pytest.mark.parametrize("name", COMPLETE)
async def test_a_complete_answer_counts_however_odd_its_head_is(start: Start, connect: Connect, name: str) -> None:
    receiver = await start(says(COMPLETE[name]))
    lane = connect(receiver.port)

    for _ in range(2):
        assert await lane.post() == Reply(200, None, b"")


@pytest.mark.parametrize("name", BEYOND)
async def test_beyond_a_limit_of_the_head_the_limit_is_named(start: Start, connect: Connect, name: str) -> None:
    data, words = BEYOND[name]
    receiver = await start(in_turn(says(data), says(OK)))
    lane = connect(receiver.port)
    outcome = await lane.post()

    assert code(outcome) == "bad_http"
    assert isinstance(outcome, Failure)
    assert words in outcome.message
    await receiver.dropped()
    assert await lane.post() == Reply(200, None, b"ok")


@pytest.mark.parametrize("piece", [1, 7, 4096])
@pytest.mark.parametrize("name", ["the most lines", "a head that is a byte too long"])
async def test_the_limits_of_a_head_are_the_same_in_however_many_pieces_it_comes(
    start: Start, connect: Connect, name: str, piece: int
) -> None:
    data = COMPLETE[name] if name in COMPLETE else BEYOND[name][0]

    async def in_pieces(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(data), max(piece, len(data) // 500)):
            writer.write(data[at : at + max(piece, len(data) // 500)])
            await asyncio.sleep(0)

    receiver = await start(in_pieces)
    outcome = await connect(receiver.port).post()

    assert isinstance(outcome, Reply) == (name in COMPLETE)


@pytest.mark.parametrize("answer", [OK, OK.replace(b"\r\n", b"\n"), EARLY + OK])
async def test_bytes_that_are_not_http_after_an_answer_do_not_undo_it_wherever_it_is_cut(
    start: Start, connect: Connect, answer: bytes
) -> None:
    data = answer + b"\x00\xff not HTTP"
    cut = 0

    async def in_two(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data[:cut])
        await writer.drain()
        for _ in range(10):  # turns of the loop, in which the client reads
            await asyncio.sleep(0)
        writer.write(data[cut:])

    receiver = await start(in_two)
    lane = connect(receiver.port)
    for cut in range(len(answer)):
        outcome = await lane.post()
        assert isinstance(outcome, Reply), (cut, outcome)
        assert outcome.status_code == 200


ENDLESS = {
    "chunk extensions": (CHUNKED + b"1;", b"x" * 4096),
    "a chunk's size": (CHUNKED, b"0" * 4096),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n" * 500),
    "long trailers": (CHUNKED + b"0\r\n", b"X: " + b"x" * 4096 + b"\r\n"),
    "a trailer": (CHUNKED + b"0\r\nX: ", b"x" * 4096),
    "tiny chunks with extensions": (CHUNKED, b"1;" + b"e" * 500 + b"\r\nx\r\n"),
    "bytes after the answer": (OK, b"x" * 4096),
    "answers after the answer": (OK, OK * 100),
    "bytes after an answer without a body": (HEAD + END, b"x" * 4096),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_after_a_head_ends_the_attempt_as_an_answer_and_fills_no_memory(
    start: Start, connect: Connect, name: str
) -> None:
    receiver = await start(repeats(*ENDLESS[name]))
    lane = connect(receiver.port)
    await lane.client.aclose()
    began = time.monotonic()
    tracemalloc.start()
    try:
        outcome = await lane.post(deadline_s=5)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert isinstance(outcome, Reply)
    assert outcome.status_code == 200
    assert time.monotonic() - began < 2
    assert peak_bytes < MEMORY_BYTES_MAX
    await lane.client.aclose()
    await receiver.dropped()


async def test_a_body_in_the_smallest_chunks_is_read_up_to_its_limit(start: Start, connect: Connect) -> None:
    count = BODY_WIRE_BYTES_MAX // 6 - 10
    receiver = await start(says(CHUNKED + b"1\r\nx\r\n" * count + b"0\r\n\r\n"))
    lane = connect(receiver.port)

    assert await lane.post() == Reply(200, None, b"x" * 1024)


NOT_HTTP: dict[str, tuple[Answer, str]] = {
    "another protocol": (then_closes(b"SSH-2.0-secret\r\n"), "Expected HTTP/"),
    "a broken header": (says(HEAD + b"sec ret: x\r\n" + END), "Invalid header token"),
    "a broken length": (says(HEAD + b"Content-Length: secret\r\n\r\n"), "Invalid character in Content-Length"),
    "a status that is none": (says(b"HTTP/1.1 999 secret\r\n" + END), "the response has an invalid HTTP status"),
    "a head that breaks off": (then_closes(HEAD + b"X: secret\r\n"), "before the head of the response was complete"),
}


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_not_http_is_said_without_a_byte_of_the_answer(start: Start, connect: Connect, name: str) -> None:
    answer, words = NOT_HTTP[name]
    receiver = await start(answer)
    outcome = await connect(receiver.port).post(deadline_s=LONG_S)

    assert code(outcome) == "bad_http"
    assert isinstance(outcome, Failure)
    assert words in outcome.message
    assert "sec" not in outcome.message.lower()
