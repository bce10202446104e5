"""Hostile requests as bytes on the wire: bodies, targets, headers, framing and mutations."""

import gzip
import random
from collections.abc import Iterator

from tests.support.hostile_bodies import BODY_BYTES_MAX, GOOD_BODY, broken_bodies

JSON = b"Content-Type: application/json"
#: A name that leads nowhere: what is accepted by mistake is not called.
GOOD_ASYNC = b'{"payload": {}, "callback_url": "http://hooks.test/"}'
NO_SUCH_ID = b"00000000-0000-4000-8000-000000000000"


def head(method: bytes, target: bytes, *fields: bytes, host: bytes = b"Host: localhost") -> bytes:
    """Return the head of a request with `Connection: close`."""
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", host, b"Connection: close", *fields, b"", b""])


def get(target: bytes, *fields: bytes) -> bytes:
    return head(b"GET", target, *fields)


def post(target: bytes, body: bytes = b"", *fields: bytes) -> bytes:
    return head(b"POST", target, *(fields or (JSON,)), b"Content-Length: %d" % len(body)) + body


def refused() -> dict[str, bytes]:
    """Requests that must get a 4xx or no response, by what is wrong with them."""
    kinds = {
        "sync body": _sync_bodies(),
        "async body": _async_bodies(),
        "content type": _content_types(),
        "idempotency key": _keys(),
        "id": _ids(),
        "query": _queries(),
        "path": _paths(),
        "signature": _signatures(),
        "method": _methods(),
        "length": _lengths(),
        "chunks": _chunks(),
        "no HTTP": _not_http(),
        "header": _headers(),
        "WebSocket": _websockets(),
    }
    return {
        f"{kind} {number}: {request[:80]!r}": request
        for kind, requests in kinds.items()
        for number, request in enumerate(requests)
    }


def _sync_bodies() -> Iterator[bytes]:
    return (post(b"/api/sync", body) for body in broken_bodies())


def _async_bodies() -> Iterator[bytes]:
    for body in broken_bodies():
        inside = b'{"callback_url": "http://hooks.test/", "payload": ' + body + b"}"
        yield post(b"/api/async", inside if len(inside) < BODY_BYTES_MAX else body)


def _content_types() -> Iterator[bytes]:
    kinds = (
        b"text/plain text/json application/x-www-form-urlencoded application/jsonx json application */* \xff a/json\0"
    )
    for kind in (b"", b"multipart/form-data; boundary=x", *kinds.split()):
        yield post(b"/api/sync", GOOD_BODY, b"Content-Type: " + kind)
        yield post(b"/api/async", GOOD_ASYNC, b"Content-Type: " + kind)
    yield head(b"POST", b"/api/sync", b"Content-Length: %d" % len(GOOD_BODY)) + GOOD_BODY
    yield post(b"/api/sync", gzip.compress(GOOD_BODY), JSON, b"Content-Encoding: gzip")


def _keys() -> Iterator[bytes]:
    for key in (b"", b" ", b"a b", b"x" * 256, b"\xc3\xbc", b"a\tb", b"\x7f", b"a\0b", b"a\x01b"):
        yield post(b"/api/sync", GOOD_BODY, JSON, b"X-Idempotency-Key: " + key)
    yield post(b"/api/sync", GOOD_BODY, JSON, b"X-Idempotency-Key: a", b"X-Idempotency-Key: a")
    yield post(b"/api/sync", GOOD_BODY, JSON, b"X-Idempotency-Key: a", b"Idempotency-Key: b")


def _ids() -> Iterator[bytes]:
    odd = b"x %00 %ff %c0%ae .. %2e%2e ..%2f..%2fetc%2fpasswd %0a %E2%80%A8 {} %7B%7D null %2500 % %zz '%20OR%201=1--"
    for one in (
        *odd.split(),
        b"1" * 300,
        NO_SUCH_ID,
        NO_SUCH_ID.replace(b"-", b""),
        NO_SUCH_ID[:-1] + b"%30",
        NO_SUCH_ID[:-1] + b"%D9%A1",
        b"\xc3\xbc",
    ):
        yield from (get(b"/api/requests/" + one), get(b"/api/requests/%s/callback-logs" % one))
        yield from (head(b"DELETE", b"/api/requests/" + one), post(b"/api/requests/%s/redeliver" % one))
        yield from (get(b"/api/reports/" + one), get(b"/api/reports/%s.csv" % one))


def _queries() -> Iterator[bytes]:
    listing = b"""
        limit=0 limit=-1 limit=201 limit=1e1 limit= limit=%00 cursor=x cursor=%00 cursor=%ff%fe cursor=e30= q= q=%00
        q=%0d%0aX:%20y mode=both status= callback_status=null
        limit=1_0 limit=%2B5 limit=5.0 limit=%205 limit=1&limit=1 state=FAILED q=%ff a[]=1 cursor=
    """
    for query in (*listing.split(), b"limit=" + b"9" * 5_000, b"cursor=" + b"A" * 201, b"q=" + b"x" * 5_000):
        yield get(b"/api/requests?" + query)
    yield get(b"/api/queue/fifo-proof?limit=x")
    for query in b"failure_rate=NaN failure_rate=inf failure_rate=2 status_code=99 status_code=1000 hang=x".split():
        yield post(b"/api/callbacks/simulate-failures?" + query)


def _paths() -> Iterator[bytes]:
    for path in b"//api/sync /api//sync /api/sync/ /api/sync%00 /API/sync /api/%73ync/".split():
        yield post(path, GOOD_BODY)
    odd = b"/api/../../etc/passwd /..%2f..%2fetc/passwd /docs-assets/..%2f..%2fapp.py /docs-assets/%00 /api/\\..\\x"
    for path in (
        *odd.split(),
        b"/api/a#x",
        b"/api/a b",
        b"/api/\xff",
        b"/api/\x01",
        b"/api/a?\0",
        b"http://evil.example/api/nothing",
        b"x",
    ):
        yield get(path)
    for path in (
        b"/docs-assets/" + b"a" * 5_000,
        b"/api/" + b"a/" * 4_000,
        b"/" + b"a" * 17_000,
        b"/?" + b"a" * 17_000,
    ):
        yield get(path)
    for origin in (*b"%00 x .. http://127.0.0.1 http:%2f%2f127.0.0.1:1 %ff %0d%0a".split(), b"a" * 301):
        yield post(b"/api/receivers/%s/resume" % origin)


def _signatures() -> Iterator[bytes]:
    for signature in (b"", b"v1,", b"v1," + b"A" * 8_000, b"v1,\xff", b"v2,x", b" ".join([b"v1,x"] * 500)):
        fields = (b"webhook-id: x", b"webhook-timestamp: 9e99", b"webhook-signature: " + signature)
        yield post(b"/api/callbacks/receive", b"{}", *fields)


def _methods() -> Iterator[bytes]:
    for method in (*b"PUT PATCH TRACE OPTIONS PROPFIND get BREW G\0T \xff".split(), b"G" * 300, b"GE T", b""):
        yield head(method, b"/api/sync")
    yield from (head(b"CONNECT", b"127.0.0.1:22"), head(b"POST", b"http://127.0.0.1:22/"))


def _lengths() -> Iterator[bytes]:
    odd = b"-1 +5 1e3 0x5 18446744073709551616 999999999999999999999999999999 \xb2 5\0 65537"
    for length in (*odd.split(), b"", b"5, 5", b"5 5"):
        yield head(b"POST", b"/api/sync", JSON, b"Content-Length: " + length) + b"hello"
    chunked, two = b"Transfer-Encoding: chunked", b"Content-Length: 2"
    for fields in (
        (two, b"Content-Length: 6"),
        (two, chunked),
        (chunked, two),
        (b"Transfer-Encoding: gzip", two),
        (b"Transfer-Encoding: chunked, gzip",),
        (b"Transfer-Encoding: xchunked", two),
        (b"Transfer-Encoding : chunked",),
        (b"Transfer-Encoding:\x0bchunked", two),
    ):
        yield head(b"POST", b"/api/sync", JSON, *fields) + b"2\r\n{}\r\n0\r\n\r\n"


def _chunks() -> Iterator[bytes]:
    large = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    for chunks in (
        *(b"zz\r\n", b"-1\r\n", b"ffffffffffffffff\r\n", b"f" * 40 + b"\r\n", b"\0\r\n"),
        *(b"2\r\n{}XX0\r\n\r\n", b"2\n{}\n0\n\n", b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n", large * 3 + b"0\r\n\r\n"),
    ):
        yield head(b"POST", b"/api/sync", JSON, b"Transfer-Encoding: chunked") + chunks


def _not_http() -> Iterator[bytes]:
    host = b"\r\nHost: localhost\r\n\r\n"
    yield from (b"GET / HTTP/9.9" + host, b"GET / HTTP/1.1 x" + host, b"GET / HTTPS/1.1" + host)
    yield from (b"GET /\r\n", b"GET /api/health/live\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    yield from (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 100,
        bytes(range(256)),
        b"\r\n\r\n\r\nx\r\n\r\n",
    )
    yield from (b"\r\n\r\n\r\nx\r\n\r\n",)
    yield from (b"SSH-2.0-x\r\n", b"EHLO x\r\n", b"*1\r\n$4\r\nPING\r\n", b"\x05\x01\x00", b"HTTP/1.1 200 OK\r\n\r\n")


def _headers() -> Iterator[bytes]:
    odd = (b"X: a\0b", b"X: a\rb", b"X\0: a", b"X Y: a", b": a", b"X", b"X:\x01", b"\xff: a", b" X: a", b"()<>: a")
    for field in (*odd, b"X: a\r\n folded: b"):
        yield get(b"/api/nothing", field)
    yield from (get(b"/api/health/live", b"X: " + b"a" * length) for length in (17_000, 200_000))
    yield get(b"/api/health/live", *[b"X-%d: y" % number for number in range(2_000)])


def _websockets() -> Iterator[bytes]:
    key, version = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", b"Sec-WebSocket-Version: 13"
    for path, *fields in (
        (b"/api/nothing", key, version),
        (b"/api/ws", key),
        (b"/api/ws", version),
        (b"/api/ws", key, b"Sec-WebSocket-Version: 1"),
        (b"/api/ws", b"Sec-WebSocket-Key: x", version),
        (b"/api/ws", key, version, b"Origin: http://["),
    ):
        lines = [b"GET %s HTTP/1.1" % path, b"Host: localhost", b"Connection: Upgrade", b"Upgrade: websocket", *fields]
        yield b"\r\n".join([*lines, b"", b""])


def odd() -> list[bytes]:
    """Requests that a server may accept or refuse, as long as it survives."""
    live = b"/api/health/live"
    return [
        get(live, b"Host: y"),
        b"GET /api/health/live HTTP/1.0\r\n\r\n",
        b"GET /api/health/live HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /api/health/live HTTP/1.1\nHost: localhost\nConnection: close\n\n",
        b"GET  /api/health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        *(head(b"GET", live, host=b"Host: " + host) for host in (b"", b"[::1", b"a@b", b"a b", b"\xff", b"x" * 300)),
        *(get(b"/api/requests?" + query) for query in b"limit=1&limit=2 &&& = a[]=1 %ff=%fe q=%ff q=%25_%5C".split()),
        *(get(live, b"X-Forwarded-For: " + value) for value in (b"x", b"\xff", b",,,", b"::1%lo", b"1" * 8_000)),
        *(get(live, b"Expect: " + value) for value in (b"100-continue", b"the-unexpected")),
        get(live, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
        get(live, b"Cookie: " + b"a=b; " * 2_000),
        get(live, b"Accept: \xff/\xfe", b"Accept-Encoding: ;;;", b"Accept-Language: \\"),
        get(live, b"Content-Length: 5") + b"hello",
        get(b"/docs", b"If-None-Match: " + b'"' * 99, b"If-Modified-Since: x", b"Range: bytes=9-1"),
        get(b"/openapi.json", b"Range: bytes=0-0,1-1"),
        get(b"http://evil.example/api/health/live"),
        get(b"ftp://evil.example/"),
        head(b"OPTIONS", b"*"),
        head(b"HEAD", b"/api/requests?limit=1"),
        head(b"DELETE", b"/api/callbacks/history", b"Content-Length: 5") + b"hello",
        post(b"/api/callbacks/receive", bytes(range(256)) * 100),
        post(b"/api%2fsync", GOOD_BODY),
        post(b"/api/sync", GOOD_BODY, b"Content-Type: application/json; charset=utf-7"),
        post(b"/api/sync", GOOD_BODY, b"Content-Type: APPLICATION/JSON;;; =x"),
        post(b"/api/sync", GOOD_BODY, b"Content-Type: application/vnd.x+json"),
        post(b"/api/sync", b'{"num_transactions": 1, "report_name": "\\ud83d\\ude00"}'),
        post(b"/api/sync", b'{"num_transactions": 1, "report_name": "\\u202e=cmd|x"}'),
        post(b"/api/sync", GOOD_BODY + b" " * 60_000),
    ]


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Valid requests with a few bytes changed, removed, doubled or moved."""
    dice = random.Random(seed)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD_BODY), GOOD_BODY)
    good = [
        post(b"/api/sync", GOOD_BODY, JSON, b"X-Idempotency-Key: mutated"),
        post(b"/api/async", GOOD_ASYNC),
        get(b"/api/requests?limit=1&mode=sync&status=COMPLETED&q=a"),
        get(b"/api/requests/" + NO_SUCH_ID, b"Accept: */*"),
        head(b"POST", b"/api/sync", JSON, b"Transfer-Encoding: chunked") + chunked,
        head(b"DELETE", b"/api/requests/" + NO_SUCH_ID),
    ]
    pieces = [b"", b"\r\n", b"\n", b"\r", b"\0", b"\xff", b":", b" ", b"%", b"%00", b'"', b"\\", b"{", b"9" * 20]
    for _ in range(count):
        request = bytearray(dice.choice(good))
        for _ in range(dice.randrange(1, 5)):
            at = dice.randrange(len(request))
            moved = [dice.randbytes(1), bytes(request[at : at + 9]), b"\r\n\r\n"]
            request[at : at + dice.randrange(3)] = dice.choice([*pieces, *moved])
        yield bytes(request)
