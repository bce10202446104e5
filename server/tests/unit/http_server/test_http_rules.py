"""Where the HTTP front does what RFC 9110 and 9112 ask for, and uvicorn and its parser do not."""

from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from tests.support.http_front import GET, HANDSHAKE, Connection

OFFERS = [b"h2c", b"TLS/1.0", b"h2c, websocket", b"websocket, h2c", b"websocket", b"WebSocket", b"x/1", b""]
INNER = b"DELETE /inner HTTP/1.1\r\nhost: y\r\n\r\n"


def head(first: bytes, *fields: bytes, host: bytes | None = b"host: x", version: bytes = b"1.1") -> bytes:
    lines = [first + b" HTTP/" + version, *([host] if host is not None else []), *fields]
    return b"\r\n".join([*lines, b"", b""])


def offering(offer: bytes, first: bytes, *fields: bytes) -> bytes:
    return head(first, b"Connection: keep-alive, Upgrade", b"Upgrade: " + offer, b"HTTP2-Settings: AAMAAABk", *fields)


async def statuses(*pieces: bytes) -> list[int]:
    connection = Connection()
    await connection.send(*pieces)
    return connection.statuses


@pytest.fixture(autouse=True)
async def ended() -> Any:
    yield
    await Connection.end_all()


@pytest.mark.parametrize("in_pieces", [False, True], ids=["at once", "in pieces"])
@pytest.mark.parametrize("framing", ["length", "chunked", "none"])
@pytest.mark.parametrize("offer", OFFERS)
async def test_an_offer_of_another_protocol_is_ignored_and_the_body_is_a_body(
    offer: bytes, framing: str, in_pieces: bool
) -> None:
    length, chunked = b"Content-Length: %d" % len(INNER), b"Transfer-Encoding: chunked"
    request, body = {
        "length": (offering(offer, b"POST /outer", length), INNER),
        "chunked": (offering(offer, b"POST /outer", chunked), b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER)),
        "none": (offering(offer, b"POST /outer"), b""),
    }[framing]
    connection = Connection()
    await connection.send(*((request[:30], request[30:], body[:5], body[5:]) if in_pieces else (request + body,)), GET)

    assert connection.statuses == [200, 200]
    assert [scope["path"] for scope in connection.app.seen] == ["/outer", "/"]
    assert connection.app.bodies == [b"" if framing == "none" else INNER, b""]


@pytest.mark.parametrize(
    "request_bytes",
    [
        HANDSHAKE.replace(b"host", b"content-length: 36\r\nhost") + INNER.ljust(36),
        HANDSHAKE.replace(b"host", b"transfer-encoding: chunked\r\nhost") + b"0\r\n\r\n",
        HANDSHAKE.replace(b"GET", b"PUT"),
        HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HANDSHAKE.replace(b"upgrade: websocket", b"upgrade: websocket\r\nupgrade: h2c"),
        HANDSHAKE.replace(b"keep-alive, Upgrade", b"keep-alive"),
        HANDSHAKE.replace(b"GET /", b"GET /none"),
    ],
    ids=["with a body", "chunked", "PUT", "HTTP/1.0", "two offers", "no connection option", "no WebSocket there"],
)
async def test_what_is_not_the_handshake_of_a_websocket_gets_the_ordinary_answer(request_bytes: bytes) -> None:
    connection = Connection(has_websocket=lambda path: path == "/")
    await connection.send(request_bytes)

    assert connection.statuses == [200]
    assert [scope["type"] for scope in connection.app.seen] == ["http"]


async def test_a_handshake_behind_a_request_that_is_not_answered_is_an_ordinary_request() -> None:
    connection = Connection()
    connection.app.may_answer.clear()
    await connection.send(GET + HANDSHAKE)
    connection.app.may_answer.set()
    await connection.send()
    await connection.loop.pass_by(1)

    assert connection.statuses == [200, 200]


async def test_a_handshake_may_have_large_and_many_fields_and_the_app_sees_them_all() -> None:
    fields = b"x-large: %b\r\n" % (b"a" * 9_000) + b"".join(b"x-%d: b\xe4\r\n" % number for number in range(300))
    connection = Connection()
    await connection.send(HANDSHAKE.replace(b"host: x\r\n", b"host: x\r\n" + fields).replace(b" / ", b" /%41?q=1 "))
    scope = connection.app.seen[0]

    assert connection.statuses == [101]
    assert (scope["path"], scope["query_string"], len(scope["headers"])) == ("/A", b"q=1", 306)
    assert (b"x-299", b"b\xe4") in scope["headers"]


@pytest.mark.parametrize(
    ("handshake", "status"),
    [
        (HANDSHAKE.replace(b": 13", b": 8"), 426),
        (HANDSHAKE.replace(b"sec-websocket-version: 13\r\n", b""), 426),
        (HANDSHAKE.replace(b"A==", b""), 400),
        (HANDSHAKE.replace(b"sec-websocket-key", b"x"), 400),
        (HANDSHAKE.replace(b"host", b"sec-websocket-key: BBBBBBBBBBBBBBBBBBBBBA==\r\nhost"), 400),
        (HANDSHAKE.replace(b"host: x\r\n", b""), 400),
        (HANDSHAKE + b"\x81\x80\0\0\0\0", 400),
    ],
    ids=["old version", "no version", "short key", "no key", "two keys", "no host", "frames before the answer"],
)
async def test_a_broken_handshake_is_refused(handshake: bytes, status: int) -> None:
    connection = Connection()
    await connection.send(handshake)

    assert connection.statuses == [status]
    assert connection.app.seen == []
    if status == 426:
        assert b"sec-websocket-version: 13\r\n" in connection.wire.sent


@pytest.mark.parametrize(
    "host", [b"x", b"x:80", b"x:", b"127.0.0.1:8000", b"[::1]", b"[::1]:80", b"a_b.c-d.", b"a%41", b" x \t", b"X"]
)
async def test_a_host_is_a_host(host: bytes) -> None:
    assert await statuses(head(b"GET /", host=b"Host: " + host)) == [200]


@pytest.mark.parametrize(
    "host",
    [
        *(b"", b"a b", b"a,b", b"a\tb", b"a@b", b"a/b", b"a?b", b"a#b", b'a"b', b"a\\b", b"\xff", b"http://x"),
        *(b"[::1", b"::1", b"[x]", b"[1:2]", b"[::1]x", b"x:y", b"x:99999", b"x:1:2", b"a%4", b"a" * 256, b":80"),
    ],
)
async def test_what_is_no_host_is_a_400(host: bytes) -> None:
    assert await statuses(head(b"GET /", host=b"Host: " + host)) == [400]


async def test_there_is_one_host_and_only_http_1_0_does_without() -> None:
    assert await statuses(head(b"GET /", host=None)) == [400]
    assert await statuses(head(b"GET http://x/", host=None)) == [400]
    assert await statuses(head(b"GET /", b"Host: x")) == [400]
    assert await statuses(head(b"GET /", b"Host: x", version=b"1.0")) == [400]
    assert await statuses(head(b"GET /", host=None, version=b"1.0")) == [200]


@pytest.mark.parametrize(
    ("first", "path", "query", "host"),
    [
        (b"GET http://y", "/", b"", b"y"),
        (b"GET HTTP://y:81?q", "/", b"q", b"y:81"),
        (b"GET https://y/a%20b?q?r", "/a b", b"q?r", b"y"),
        (b"GET /a?b=/c", "/a", b"b=/c", b"x"),
        (b"GET //a", "//a", b"", b"x"),
    ],
)
async def test_a_target_is_read_in_each_of_its_forms(first: bytes, path: str, query: bytes, host: bytes) -> None:
    connection = Connection()
    await connection.send(head(first))
    scope = connection.app.seen[0]

    assert (scope["path"], scope["query_string"]) == (path, query)
    assert [value for name, value in scope["headers"] if name == b"host"] == [host]


@pytest.mark.parametrize(
    "first",
    [
        *(b"GET *", b"GET ftp://y/", b"GET http://", b"GET http:///a", b"GET http://u@y/", b"GET http://a,b/"),
        *(b"GET /a#b", b"GET y", b"GET http://y:x/"),
    ],
)
async def test_what_is_no_target_is_a_400(first: bytes) -> None:
    assert await statuses(head(first)) == [400]


@pytest.mark.parametrize("target", [b"*", b"http://x"])
async def test_options_of_the_whole_server_are_told(target: bytes) -> None:
    connection = Connection()
    await connection.send(head(b"OPTIONS " + target), GET)

    assert connection.statuses == [204, 200]
    assert b"allow: GET, HEAD, POST" in connection.wire.sent


async def test_methods_nobody_knows_are_a_405_and_nothing_is_tunnelled() -> None:
    for first in (b"BREW /", b"get /", b"CONNECT x:80", b"VERY-LONG-METHOD /"):
        connection = Connection()
        await connection.send(head(first) + b"abc")
        assert connection.statuses == [405]
        assert b"\r\nallow: " in connection.wire.sent
        assert connection.app.seen == []


async def test_blanks_around_a_value_are_not_part_of_it() -> None:
    connection = Connection()
    await connection.send(head(b"GET /", b"X-Idempotency-Key: \t abc \t ", b"X-Inner: a  b", b"X-None: \t "))

    assert connection.app.seen[0]["headers"][1:] == [
        (b"x-idempotency-key", b"abc"),
        (b"x-inner", b"a  b"),
        (b"x-none", b""),
    ]


@pytest.mark.parametrize(
    ("codings", "version", "status"),
    [
        ([b"chunked"], b"1.1", 200),
        ([b" Chunked "], b"1.1", 200),
        ([b"gzip, chunked"], b"1.1", 501),
        ([b"gzip", b"chunked"], b"1.1", 501),
        ([b"gzip"], b"1.1", 400),
        ([b"chunked, gzip"], b"1.1", 400),
        ([b"identity"], b"1.1", 400),
        ([b"chunked, chunked"], b"1.1", 400),
        ([b"chunked", b"chunked"], b"1.1", 400),
        ([b""], b"1.1", 400),
        ([b"chunked"], b"1.0", 400),
    ],
)
async def test_the_only_transfer_coding_is_chunked(codings: list[bytes], version: bytes, status: int) -> None:
    fields = [b"Transfer-Encoding: " + coding for coding in codings]
    assert await statuses(head(b"POST /", *fields, version=version) + b"1\r\nx\r\n0\r\n\r\n") == [status]


@pytest.mark.parametrize(
    "broken",
    [
        head(b"POST /", b"Content-Length: 1", b"Content-Length: 1") + b"x",
        head(b"POST /", b"Content-Length: 1, 1") + b"x",
        head(b"POST /", b"Content-Length: +1") + b"x",
        head(b"POST /", b"Content-Length: ") + b"x",
        head(b"POST /", b"Content-Length: 1", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        head(b"GET /", b"X: a", b" folded"),
        head(b"GET /", b"X : a"),
        head(b"GET /", b": a"),
        head(b"GET /", b"X: a\0b"),
        head(b"GET /", b"X: a\rb"),
        head(b"GET /", b"X: a\nY: b"),
        head(b"GET /").replace(b"\r\n", b"\n"),
        head(b"POST /", b"Transfer-Encoding: chunked") + b"1\nx\n0\n\n",
        head(b"POST /", b"Transfer-Encoding: chunked") + b"1\r\nxy\r\n0\r\n\r\n",
        head(b"POST /", b"Transfer-Encoding: chunked") + b"0x1\r\nx\r\n0\r\n\r\n",
        head(b"POST /", b"Transfer-Encoding: chunked") + b"1 \r\nx\r\n0\r\n\r\n",
        head(b"GET /", version=b"2.0"),
        head(b"GET /", version=b"0.9"),
    ],
)
async def test_what_two_parsers_could_read_differently_is_a_400(broken: bytes) -> None:
    connection = Connection()
    await connection.send(broken + GET)

    assert connection.statuses == [400]


async def test_a_refusal_has_a_date_and_no_body_for_head() -> None:
    connection = Connection()
    connection.state.default_headers = [(b"date", b"now")]
    await connection.send(head(b"HEAD /", host=None))

    assert b"\r\ndate: now\r\n" in connection.wire.sent
    assert connection.wire.sent.endswith(b"connection: close\r\n\r\n")


# Expectations.

EXPECTING = head(b"POST /", b"Content-Length: 5", b"Expect: 100-continue")


async def test_an_answer_without_the_100_ends_the_connection_so_that_nothing_is_taken_for_the_body() -> None:
    connection = Connection()
    connection.app.reads_first = False
    await connection.send(EXPECTING, GET)

    assert connection.statuses == [200]
    assert b"connection: close" in connection.wire.sent
    assert len(connection.app.seen) == 1


async def test_whoever_waits_for_the_100_gets_it_and_keeps_the_connection() -> None:
    connection = Connection()
    await connection.send(EXPECTING, b"hello", GET)
    assert connection.statuses == [100, 200, 200]

    connection = Connection()
    connection.app.reads_first = False
    await connection.send(EXPECTING + b"hello", GET)
    assert connection.statuses == [200, 200]


async def test_http_1_0_gets_no_100_and_no_chunks() -> None:
    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for body in (b"one ", b"two ", b""):
            await send({"type": "http.response.body", "body": body, "more_body": bool(body)})

    old, new = Connection(stream), Connection(stream)
    await old.send(head(b"POST /", b"Expect: 100-continue", b"Content-Length: 1", version=b"1.0") + b"x")
    await new.send(GET)

    assert old.statuses == [200]
    assert old.wire.sent.endswith(b"connection: close\r\n\r\none two ")
    assert old.wire.ended == "closed"
    assert new.wire.sent.endswith(b"\r\n\r\n4\r\none \r\n4\r\ntwo \r\n0\r\n\r\n")
