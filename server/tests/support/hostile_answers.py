"""What receivers may do to us instead of answering: broken bodies, and no answer at all.

Each call makes them anew, because some remember how often they were asked.
"""

from src.services.outbound.guard import ErrorCode
from tests.support.raw_receivers import Answer, hangs, in_turn, repeats, says, then_closes

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"


def broken_bodies() -> dict[str, Answer]:
    """Heads that say 200, and bodies that break, drip or never end."""
    return {
        "dripping": repeats(HEAD + b"Content-Length: 100000\r\n\r\n", b"x", 0.02),
        "dripping chunks": repeats(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.02),
        "endless": repeats(HEAD + b"\r\n", b"x" * 65536),
        "endless and announced": repeats(HEAD + b"Content-Length: 10000000000\r\n\r\n", b"x" * 65536),
        "endless chunks": repeats(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"x" * 65535 + b"\r\n"),
        "endless tiny chunks": repeats(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10000),
        "endless trailers": repeats(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n" * 1000),
        "never coming": in_turn(says(HEAD + b"Content-Length: 5\r\n\r\n"), hangs),
        "short": then_closes(HEAD + b"Content-Length: 5\r\n\r\nx"),
        "reset": then_closes(HEAD + b"Content-Length: 5\r\n\r\nx", reset=True),
        "bad chunks": then_closes(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx"),
        "no end": then_closes(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"),
        "until the end": then_closes(HEAD + b"\r\nx"),
        "not gzip": says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
        "unknown encoding": says(HEAD + b"Content-Encoding: evil\r\nContent-Length: 1\r\n\r\nx"),
    }


def broken_answers() -> dict[str, tuple[Answer, ErrorCode]]:
    """Invalid responses, with the error code that each is recorded as."""
    return {
        "silent": (hangs, "timeout"),
        "dripping head": (repeats(b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.02), "timeout"),
        "interim answers for ever": (repeats(b"", b"HTTP/1.1 103 Early\r\n\r\n", 0.02), "timeout"),
        "interim answers in a flood": (repeats(b"", b"HTTP/1.1 103 E\r\n\r\n" * 2000), "bad_http"),
        "closed": (then_closes(b""), "connection_reset"),
        "reset": (then_closes(b"", reset=True), "connection_reset"),
        "half a head": (then_closes(b"HTTP/1.1 200 OK\r\nContent-Le"), "bad_http"),
        "half a head, reset": (
            then_closes(b"HTTP/1.1 200 OK\r\nA: b\r\n", reset=True),
            "bad_http",
        ),
        "not HTTP": (then_closes(b"SSH-2.0-OpenSSH_9.2\r\n"), "bad_http"),
        "bytes": (then_closes(bytes(range(256))), "bad_http"),
        "HTTP/0.9": (then_closes(b"<html>hello</html>"), "bad_http"),
        "HTTP/2": (then_closes(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"), "bad_http"),
        "TLS": (then_closes(b"\x15\x03\x01\x00\x02\x02\x50"), "bad_http"),
        "two lengths": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), "bad_http"),
        "a length with chunks": (
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "bad_http",
        ),
        "a negative length": (says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), "bad_http"),
        "a huge length": (says(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n"), "bad_http"),
        "a huge head": (says(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n"), "bad_http"),
        "many headers": (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000 + b"\r\n"), "bad_http"),
        "an endless head": (repeats(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 8000 + b"\r\n"), "bad_http"),
        "an endless status line": (repeats(b"HTTP/1.1 200 ", b"x" * 8000), "bad_http"),
        "status 999": (says(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), "bad_http"),
        "status 600": (says(b"HTTP/1.1 600 X\r\nContent-Length: 0\r\n\r\n"), "bad_http"),
        "status 000": (says(b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n"), "bad_http"),
        "status 99": (then_closes(b"HTTP/1.1 99 X\r\nContent-Length: 0\r\n\r\n"), "bad_http"),
        "status 2000": (then_closes(b"HTTP/1.1 2000 X\r\nContent-Length: 0\r\n\r\n"), "bad_http"),
        "status -1": (then_closes(b"HTTP/1.1 -1 X\r\n\r\n"), "bad_http"),
        "an upgrade": (says(b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"), "bad_http"),
    }
