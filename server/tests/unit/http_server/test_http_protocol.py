"""A connection's phases and deadlines, tested at each edge with virtual time; and the slots it holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from src.http_server.limits import (
    BODY_TIMEOUT_S,
    CONNECTIONS_PER_ADDRESS_MAX,
    DISCARDED_BYTES_MAX,
    FRAGMENTS_MAX,
    FRAMES_MAX,
    HEAD_BYTES_MAX,
    HEAD_TIMEOUT_S,
    LINGER_BYTES_MAX,
    LINGER_TIMEOUT_S,
    SHUTDOWN_TIMEOUT_S,
    UPGRADE_TIMEOUT_S,
    WRITE_TIMEOUT_S,
)
from src.http_server.websocket import LimitedWebSocketProtocol
from tests.support.http_front import GET, HANDSHAKE, Connection, Wire, settle

KEEP_ALIVE_S = uvicorn.Config(lambda: None).timeout_keep_alive
HALF_BODY = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab"
EXPECTING = HALF_BODY.replace(b"\r\n\r\nab", b"\r\nexpect: 100-continue\r\n\r\n")
STOPPED = ["HTTP/1.1", "HTTP/1.0", "half a body", "expecting 100"]
CHUNKED = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
async def ended() -> AsyncIterator[None]:
    yield
    await Connection.end_all()


@pytest.mark.parametrize(
    ("pieces", "within_s", "statuses"),
    [
        ([], HEAD_TIMEOUT_S, []),
        ([b"\r\n"], HEAD_TIMEOUT_S, []),
        ([b"GET / HT"], HEAD_TIMEOUT_S, [408]),
        ([HALF_BODY], BODY_TIMEOUT_S, [408]),
        ([CHUNKED + b"1\r\nx\r\n0\r\n", b"a: b\r\n"], BODY_TIMEOUT_S, [408]),
        ([GET], KEEP_ALIVE_S, [200]),
        ([GET, b"\r\n"], KEEP_ALIVE_S, [200]),
        ([GET, b"\r\n\r\n", b"\r\n"], KEEP_ALIVE_S, [200]),
        ([GET, b"GET / HT"], HEAD_TIMEOUT_S, [200, 408]),
        ([GET, HALF_BODY], BODY_TIMEOUT_S, [200, 408]),
        ([GET + b"POST"], HEAD_TIMEOUT_S, [200, 408]),
        ([b"garbage\r\n\r\n"], 0, [400]),
    ],
    ids=[
        *("silence", "blank line", "half a head", "half a body", "half a trailer", "idle", "idle, blank line"),
        *("idle, blank lines", "next head", "next body", "head behind an answer", "refusal"),
    ],
)
async def test_whatever_a_peer_begins_and_does_not_end_ends_in_time(
    pieces: list[bytes], within_s: float, statuses: list[int]
) -> None:
    connection = Connection()
    await connection.send(*pieces)
    await connection.loop.pass_by(within_s - 0.1)
    ended = [connection.wire.ended]
    await connection.loop.pass_by(0.2 + LINGER_TIMEOUT_S)
    ended.append(connection.wire.ended)

    assert ended == [None, "closed"]
    assert connection.statuses == statuses
    assert (connection.taken, connection.loop.armed) == (0, 0)


async def test_one_timer_is_armed_all_the_time() -> None:
    connection = Connection()
    armed = [connection.loop.armed]
    for piece in (b"GET / HT", b"TP/1.1\r\nhost: x\r\n\r\n", GET, HALF_BODY, b"cde", b"\r\n", GET + GET):
        await connection.send(piece)
        armed.append(connection.loop.armed)
        await connection.loop.pass_by(1)
        armed.append(connection.loop.armed)

    assert set(armed) == {1}


async def test_a_request_is_not_hurried_while_the_app_takes_its_time() -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(GET, b"\r\n")
    await connection.loop.pass_by(1_000)
    connection.app.may_answer.set()
    await settle()

    assert connection.statuses == [200]
    await connection.loop.pass_by(KEEP_ALIVE_S + 1)
    assert connection.wire.ended == "closed"


async def test_the_deadline_of_a_request_whose_turn_has_not_come_begins_with_its_turn() -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(GET + GET + HALF_BODY)
    await connection.loop.pass_by(10 * BODY_TIMEOUT_S)
    assert connection.wire.ended is None

    connection.app.may_answer.set()
    await connection.loop.pass_by(BODY_TIMEOUT_S - 1)
    await connection.send(b"cde")
    assert connection.statuses == [200, 200, 200]


async def test_a_request_that_has_come_but_was_not_read_is_served_though_the_time_is_over() -> None:
    connection = Connection()
    await connection.send(GET)
    connection.wire.leave_unread(GET)
    await connection.loop.pass_by(KEEP_ALIVE_S)
    await connection.send(GET)
    await connection.loop.pass_by(1)

    assert connection.statuses == [200, 200]
    await connection.loop.pass_by(KEEP_ALIVE_S + 1)  # and blank lines that always come do not keep it for ever
    assert connection.wire.ended == "closed"


@pytest.mark.parametrize("unread", [False, True])
async def test_a_server_that_stops_closes_idle_connections_unless_a_request_has_come(
    unread: bool,
) -> None:
    connection = Connection()
    await connection.send(GET)
    if unread:
        connection.wire.leave_unread(GET)
    connection.protocol.shutdown()
    assert (connection.wire.ended == "closed") is not unread
    if unread:
        connection.wire.read_all()
        await connection.send(GET)
        assert connection.statuses == [200, 200]
        assert b"connection: close" in connection.wire.sent
        assert connection.wire.ended == "closed"


async def test_a_server_that_stops_waits_a_moment_for_a_request_that_has_begun() -> None:
    ends, stays = Connection(), Connection()
    for connection in (ends, stays):
        await connection.send(HALF_BODY[:-20])
        connection.protocol.shutdown()
    await ends.send(HALF_BODY[-20:], b"cde")
    await stays.loop.pass_by(SHUTDOWN_TIMEOUT_S + LINGER_TIMEOUT_S + 0.1)

    assert (ends.statuses, ends.wire.ended) == ([200], "closed")
    assert (stays.statuses, stays.wire.ended) == ([503], "closed")


async def test_a_server_that_stops_waits_a_moment_for_a_body_that_has_begun() -> None:
    ends, stays = Connection(), Connection()
    for connection in (ends, stays):
        await connection.send(HALF_BODY)
        connection.protocol.shutdown()
    await ends.send(b"cde")
    await stays.loop.pass_by(SHUTDOWN_TIMEOUT_S + LINGER_TIMEOUT_S + 0.1)

    assert (ends.statuses, ends.wire.ended) == ([200], "closed")
    assert (stays.statuses, stays.wire.ended) == ([503], "closed")
    assert stays.state.tasks == set()


async def test_a_server_that_stops_does_not_hurry_the_app() -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(GET)
    connection.protocol.shutdown()
    await connection.loop.pass_by(SHUTDOWN_TIMEOUT_S + LINGER_TIMEOUT_S + 0.1)
    connection.app.may_answer.set()
    await settle()

    assert (connection.statuses, connection.wire.ended) == ([200], "closed")


@pytest.mark.parametrize("request_", [GET, GET.replace(b"1.1", b"1.0"), HALF_BODY, EXPECTING], ids=STOPPED)
async def test_an_answer_that_a_stop_cuts_off_is_a_503_and_no_fault_in_the_log(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(request_)
    for task in list(connection.state.tasks):
        task.cancel()
    await settle()

    assert connection.statuses[-1] == 503
    assert b"retry-after: 5" in connection.wire.sent
    assert caplog.records == []


async def test_an_answer_that_has_begun_is_cut_off_by_a_stop_without_a_fault_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def begin(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await asyncio.Event().wait()

    connection = Connection(begin)
    await connection.send(GET)
    for task in list(connection.state.tasks):
        task.cancel()
    await settle()

    assert (connection.statuses, connection.wire.ended) == ([200], "closed")
    assert caplog.records == []


async def test_a_peer_that_takes_nothing_is_cut_off_and_one_that_takes_a_byte_now_and_then_is_not() -> None:
    stands, moves = Connection(), Connection()
    for connection in (stands, moves):
        connection.wire.takes = False
        await connection.send(GET)
    for _ in range(10):
        await moves.loop.pass_by(WRITE_TIMEOUT_S - 1)
        moves.wire.take(1)
    await stands.loop.pass_by(WRITE_TIMEOUT_S - 1)
    assert (stands.wire.ended, moves.wire.ended) == ("closing", "closing")

    await stands.loop.pass_by(WRITE_TIMEOUT_S)
    assert (stands.wire.ended, stands.taken) == ("aborted", 0)


async def test_an_answer_that_grows_faster_than_it_is_taken_goes_on() -> None:
    async def endless(scope: object, receive: object, send: Callable[[object], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while wire.ended is None:
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
            await asyncio.sleep(0)

    connection = Connection(endless)  # type: ignore[arg-type]
    wire = connection.wire
    wire.takes = False
    await connection.send(GET)
    for _ in range(20):
        await connection.loop.pass_by(15)
        wire.take(50)  # less than comes: more waits each time, and yet it moves
    assert wire.ended is None

    wire.reset()
    await settle()


LARGE = b"x" * HEAD_BYTES_MAX


@pytest.mark.parametrize(
    "pieces",
    [
        [b"\r\n" * (HEAD_BYTES_MAX // 2 + 1)],
        [GET, b"\r\n" * (HEAD_BYTES_MAX // 2 + 1)],
        [b"GET /" + LARGE],
        [b"GET / HTTP/1.1\r\nhost: x\r\na: " + LARGE],
        [b"GET / HTTP/1.1\r\nhost: x\r\n" + LARGE],
        [CHUNKED, b"1;" + LARGE],
        [CHUNKED, b"1;a=" + LARGE[:9_000], LARGE[:9_000]],
        [CHUNKED, b"1\r\nx\r\n0\r\na: " + LARGE + b"x" * 4_096],
        [CHUNKED, b"1\r\nx\r\n0\r\n" + LARGE + b"x" * 4_096],
        [CHUNKED, b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 3_000],
        [CHUNKED, *[b"1;%b\r\nx\r\n" % (b"a" * 4_000)] * 10],
    ],
    ids=[
        *("blank lines", "blank lines behind an answer", "target", "field", "name", "chunk extension"),
        *("chunk extension in pieces", "one trailer", "a trailer's name", "many trailers", "many extensions"),
    ],
)
async def test_everything_around_a_body_has_a_limit(pieces: list[bytes]) -> None:
    connection = Connection()
    await connection.send(*pieces)

    assert connection.statuses[-1] == 431
    assert connection.wire.has_eof
    assert connection.protocol._unparsed == b""


async def test_trailers_are_no_headers() -> None:
    connection = Connection()
    await connection.send(
        CHUNKED + b"2\r\n{}\r\n0\r\nX-Idempotency-Key: a\r\nHost: y\r\nExpect: 100-continue\r\n\r\n", GET
    )

    assert connection.statuses == [200, 200]
    assert connection.app.seen[0]["headers"] == [(b"host", b"x"), (b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize(
    "field",
    [b"Connection: close", b"Connection: Upgrade\r\nUpgrade: h2c", b"Transfer-Encoding: gzip", b"Content-Length: 9"],
)
async def test_a_trailer_does_not_say_how_messages_end(field: bytes) -> None:
    connection = Connection()
    await connection.send(CHUNKED + b"2\r\n{}\r\n0\r\n" + field + b"\r\n\r\n", GET)

    assert connection.statuses == [400]
    assert connection.wire.has_eof


async def test_a_chunk_a_byte_is_a_body_like_any_other() -> None:
    connection = Connection()
    await connection.send(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")

    assert connection.app.bodies == [b"x" * 50_000]


async def test_only_a_few_requests_are_taken_apart_before_their_turn() -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(GET * 2_000)
    waiting = len(connection.protocol.pipeline)
    assert connection.wire.is_paused
    assert waiting < 200

    connection.app.may_answer.set()
    for _ in range(500):
        await settle()
    assert connection.statuses == [200] * 2_000
    assert not connection.wire.is_paused


async def test_a_body_nobody_wants_is_read_up_to_a_limit() -> None:
    small, large = Connection(), Connection()
    for connection in (small, large):
        connection.app.reads_first = False
    rest = DISCARDED_BYTES_MAX - 1_000
    await small.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % rest, b"x" * rest, GET)
    await large.send(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n", *[b"x" * 65_536] * 5)

    assert (small.statuses, small.wire.ended) == ([200, 200], None)
    assert (large.statuses, large.wire.has_eof) == ([200], True)


async def test_what_comes_after_a_refusal_is_thrown_away_up_to_a_limit() -> None:
    connection = Connection()
    await connection.send(b"garbage\r\n\r\n", GET, GET)
    assert (connection.statuses, connection.wire.has_eof, connection.wire.ended) == ([400], True, None)

    await connection.send(b"x" * LINGER_BYTES_MAX)
    assert connection.wire.ended == "closed"
    assert connection.app.seen == []


async def test_nothing_follows_a_request_that_ends_the_connection() -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(GET.replace(b"host", b"connection: close\r\nhost") + GET + b"garbage\r\n\r\n")
    connection.app.may_answer.set()
    await settle()

    assert (connection.statuses, len(connection.app.seen)) == ([200], 1)
    await connection.loop.pass_by(LINGER_TIMEOUT_S + 0.1)
    assert connection.wire.ended == "closed"


# Connection slots.


async def _close(connection: Connection) -> None:
    connection.wire.close()


async def _reset(connection: Connection) -> None:
    connection.wire.reset()


async def _answer_and_close(connection: Connection) -> None:
    await connection.send(GET.replace(b"host", b"connection: close\r\nhost"))


async def _reset_while_answering(connection: Connection) -> None:
    connection.app.may_answer.clear()
    await connection.send(GET + GET)
    connection.wire.reset()


async def _fail(connection: Connection) -> None:
    connection.app.error = RuntimeError()
    await connection.send(GET)


async def _cancel(connection: Connection) -> None:
    connection.app.may_answer.clear()
    await connection.send(GET)
    for task in list(connection.state.tasks):
        task.cancel()


async def _stop(connection: Connection) -> None:
    connection.protocol.shutdown()


async def _wait(connection: Connection) -> None:
    await connection.loop.pass_by(HEAD_TIMEOUT_S + 1)


async def _upgrade(connection: Connection) -> None:
    await connection.send(HANDSHAKE)
    assert connection.statuses == [101]
    assert connection.taken == 1


async def _upgrade_and_close(connection: Connection) -> None:
    await _upgrade(connection)
    await connection.send(b"\x88\x80\0\0\0\0")


async def _upgrade_and_reset(connection: Connection) -> None:
    await _upgrade(connection)
    connection.wire.reset()


async def _upgrade_and_stop(connection: Connection) -> None:
    await _upgrade(connection)
    next(iter(connection.state.connections)).shutdown()


async def _upgrade_refused_by_us(connection: Connection) -> None:
    await connection.send(HANDSHAKE.replace(b"13", b"12"))
    assert connection.statuses == [426]
    await connection.loop.pass_by(LINGER_TIMEOUT_S + 0.1)


async def _upgrade_refused_by_the_app(connection: Connection) -> None:
    connection.app.accepts = False
    await connection.send(HANDSHAKE)
    assert connection.statuses == [403]


async def _upgrade_failed(connection: Connection) -> None:
    connection.app.error = RuntimeError()
    await connection.send(HANDSHAKE)
    assert connection.statuses == [500]


async def _upgrade_left(connection: Connection) -> None:
    connection.app.may_answer.clear()
    await connection.send(HANDSHAKE)
    connection.wire.close()


async def _upgrade_not_answered(connection: Connection) -> None:
    connection.app.may_answer.clear()
    await connection.send(HANDSHAKE)
    await connection.loop.pass_by(UPGRADE_TIMEOUT_S + 0.1)


async def _upgrade_and_speak_too_early(connection: Connection) -> None:
    connection.app.may_answer.clear()
    await connection.send(HANDSHAKE, b"\x81\x80\0\0\0\0")


async def _upgrade_half_way(connection: Connection) -> None:
    await connection.send(HANDSHAKE[:-2])
    await connection.loop.pass_by(HEAD_TIMEOUT_S + LINGER_TIMEOUT_S + 0.1)


@pytest.mark.parametrize(
    "end",
    [
        *(_close, _reset, _answer_and_close, _reset_while_answering, _fail, _cancel, _stop, _wait),
        *(_upgrade_and_close, _upgrade_and_reset, _upgrade_and_stop, _upgrade_refused_by_us),
        *(_upgrade_refused_by_the_app, _upgrade_failed, _upgrade_left, _upgrade_not_answered),
        *(_upgrade_and_speak_too_early, _upgrade_half_way),
    ],
    ids=lambda end: end.__name__.strip("_").replace("_", " "),
)
async def test_a_connection_frees_its_place_however_it_ends(
    end: Callable[[Connection], Awaitable[None]],
) -> None:
    connection = Connection()
    other = Connection(other=connection)
    assert connection.taken == 2
    other.wire.close()

    await end(connection)
    await settle()
    connection.app.may_answer.set()
    await settle()

    assert connection.wire.ended in {"closed", "reset"}
    assert connection.kind.connection_limit.in_use == {}
    assert connection.state.connections == set()
    assert connection.loop.armed == 0
    assert not connection.state.tasks


async def test_a_closed_websocket_frees_its_place_and_an_open_one_keeps_it() -> None:
    first = Connection()
    for _ in range(CONNECTIONS_PER_ADDRESS_MAX + 1):
        watcher = Connection(other=first)
        await watcher.send(HANDSHAKE)
        assert watcher.statuses == [101]
        watcher.wire.close()
    watchers = [Connection(other=first) for _ in range(CONNECTIONS_PER_ADDRESS_MAX - 1)]
    for watcher in watchers:
        await watcher.send(HANDSHAKE)
    assert Connection(other=first).wire.ended == "closed"

    watchers[0].wire.close()
    assert Connection(other=first).wire.ended is None


@pytest.mark.parametrize(
    ("address", "neighbour", "stranger"),
    [
        ("2001:db8::{}", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ("fe80::{}%eth0", "fe80::1%eth1", "fe80:0:0:1::1"),
        ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
    ],
)
async def test_the_addresses_of_a_network_share_their_places(address: str, neighbour: str, stranger: str) -> None:
    first = Connection(address=address.format(1))
    for number in range(1, CONNECTIONS_PER_ADDRESS_MAX):
        assert Connection(other=first, address=address.format(f"{number:x}")).wire.ended is None

    assert Connection(other=first, address=neighbour).wire.ended == "closed"
    assert Connection(other=first, address=stranger).wire.ended is None


# WebSockets.


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x89\x80\0\0\0\0" * FRAMES_MAX * 1_000, 1008),
        (b"\x8a\x80\0\0\0\0" * FRAMES_MAX * 1_000, 1008),
        (b"\x81\x80\0\0\0\0" * FRAMES_MAX * 1_000, 1008),
        (b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * FRAMES_MAX * 1_000, 1008),
        (b"\x82\xff" + (65_537).to_bytes(8, "big") + bytes(4), 1009),
    ],
    ids=["pings", "pongs", "messages", "fragments", "a large message"],
)
async def test_a_watcher_that_floods_is_closed(frames: bytes, code: int) -> None:
    connection = Connection()
    await connection.send(HANDSHAKE, frames)

    assert connection.wire.ended == "closed"
    assert code.to_bytes(2, "big") in connection.wire.sent[-70:]
    assert len(connection.wire.sent) < 4_096
    assert connection.taken == 0


async def test_a_message_has_a_limited_number_of_fragments_however_slowly_they_come() -> None:
    connection = Connection()
    await connection.send(HANDSHAKE, b"\x01\x80\0\0\0\0")
    for _ in range(FRAGMENTS_MAX // 100 + 1):
        await connection.send(b"\x00\x80\0\0\0\0" * 100)
        for _ in range(2):
            await connection.loop.pass_by(10)
            ping = bytes(connection.wire.sent[-4:])
            await connection.send(b"\x8a\x84\0\0\0\0" + ping)

    assert connection.wire.ended == "closed"
    assert b"\x03\xf0Too many frames." in connection.wire.sent


async def test_a_watcher_that_reads_nothing_is_cut_off() -> None:
    connection = Connection()
    await connection.send(HANDSHAKE)
    connection.wire.takes = False
    await connection.loop.pass_by(45)

    assert (connection.wire.ended, connection.taken) == ("aborted", 0)


async def test_a_watcher_that_answers_pings_stays() -> None:
    connection = Connection()
    await connection.send(HANDSHAKE)
    for _ in range(30):
        await connection.loop.pass_by(20)
        await connection.send(b"\x8a\x84\0\0\0\0" + bytes(connection.wire.sent[-4:]))

    assert connection.wire.ended is None


async def test_the_app_may_write_frames_that_are_encoded_already_while_the_socket_takes_them() -> None:
    connection = Connection()
    await connection.send(HANDSHAKE)
    encoded = connection.app.seen[0]["extensions"]["websocket.encoded"]
    websocket = connection.wire.protocol
    assert isinstance(websocket, LimitedWebSocketProtocol)
    taken = [encoded["write"](b"\x81\x01a")]
    websocket.pause_writing()
    taken.append(encoded["write"](b"\x81\x01b"))
    waiting = asyncio.create_task(encoded["until_writable"]())
    await settle()
    waited = not waiting.done()
    websocket.resume_writing()
    await waiting
    taken.append(encoded["write"](b"\x81\x01c"))

    assert (taken, waited, encoded["deflate"]) == ([True, False, True], True, False)
    assert connection.wire.sent.endswith(b"\r\n\r\n\x81\x01a\x81\x01c")


@pytest.mark.parametrize("end", ["the client closes", "it is lost", "the server stops"])
async def test_nothing_is_written_to_a_websocket_that_has_ended_and_waiting_for_it_ends(end: str) -> None:
    connection = Connection()
    await connection.send(HANDSHAKE)
    encoded = connection.app.seen[0]["extensions"]["websocket.encoded"]
    websocket = connection.wire.protocol
    assert isinstance(websocket, LimitedWebSocketProtocol)
    websocket.pause_writing()
    waiting = asyncio.create_task(encoded["until_writable"]())
    await settle()
    match end:
        case "the client closes":
            await connection.send(b"\x88\x80\0\0\0\0")
        case "it is lost":
            connection.wire.reset()
        case _:
            websocket.shutdown()
    sent = bytes(connection.wire.sent)
    await settle()

    with pytest.raises(ClientDisconnected):
        await waiting
    assert not encoded["write"](b"\x81\x01a")
    assert bytes(connection.wire.sent) == sent


@pytest.mark.parametrize(
    ("offer", "agreed"),
    [
        (b"permessage-deflate", True),
        (b"permessage-deflate; client_max_window_bits", True),
        (b"permessage-deflate; server_no_context_takeover", True),
        (b"permessage-deflate; server_max_window_bits=10", False),
        (b"permessage-deflate; server_max_window_bits=10, permessage-deflate", True),
        (b"x-webkit-deflate-frame", False),
    ],
)
async def test_compression_is_agreed_on_only_as_everybody_has_it(offer: bytes, agreed: bool) -> None:
    connection = Connection()
    await connection.send(HANDSHAKE[:-2] + b"sec-websocket-extensions: " + offer + b"\r\n\r\n")
    both = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"

    assert (b"sec-websocket-extensions: " + both in bytes(connection.wire.sent).lower()) == agreed
    assert connection.app.seen[0]["extensions"]["websocket.encoded"]["deflate"] == agreed


async def test_an_open_websocket_costs_no_system_call_now_and_then() -> None:
    looks = []

    class Socket:
        def getsockname(self) -> tuple[str, int]:
            return ("127.0.0.1", 80)

        getpeername = getsockname

        def fileno(self) -> int:
            looks.append(self)
            raise OSError

    class WithSocket(Wire):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return Socket() if name == "socket" else super().get_extra_info(name, default)

    connection = Connection(wire=WithSocket)
    await connection.send(HANDSHAKE)
    looks.clear()
    await connection.loop.pass_by(19)

    assert connection.wire.ended is None
    assert looks == []
