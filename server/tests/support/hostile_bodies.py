r"""Bodies that are not JSON in UTF-8, mean nothing, or are of no type that is asked for.

Most are written as words in one string; a `\x` that is doubled reaches the server as an escape of JSON.
"""

import gzip
import zlib
from collections.abc import Iterator

BODY_BYTES_MAX = 64 * 1024
GOOD_BODY = b'{"num_transactions": 1}'

_PIECES = (
    b'\0 { } [ ] " [] 0 null true "x" {}{} {}x {}, {,} {"a"} {"a":} {a:1} {\'a\':1} {}// /**/{} num_transactions=1'
)
_NUMBERS = b"""
    NaN -NaN Infinity -Infinity 1e999 -1e999 1e-999 +1 .5 5. 01 0x10 1_0 1e 5.0 1.5 1e2 0 -1 1000001
    9223372036854775808 18446744073709551616 null true "1" [1] {}
"""
_TEXTS = b"""
    \\ud800 \\udc00\\ud800 \\u0000 \\x00 \\u12 \\q \\u007f \\u2028 \\u0085 \0 \x7f
    \xff \xc0\x80 \xe0\x80\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xc3
"""
_OBJECTS = rb"""
    {"seed":1,"seed":2} {"seed":1,"\u0073eed":1} {"__proto__":{}} {"\ud800":1} {"surprise":1} {"":1}
    {"seed":9007199254740992} {"currency":"XXX"} {"currency":"usd"} {"period_start":"2026-01-01"}
    {"period_start":"2026-02-30","period_end":"2026-03-02"} {"period_start":0,"period_end":1}
    {"period_start":"2026-01-01","period_end":"2026-01-01"} {"period_start":"0001-01-01","period_end":"9999-12-31"}
"""


def broken_bodies() -> Iterator[bytes]:
    """All of them, up to more than the body limit."""
    yield from (b"", b" ", b"\r\n", b"{} {}", *_PIECES.split(b" "), *_OBJECTS.split())
    yield from (b"\xef\xbb\xbf{}", b"\xff\xfe{\0}\0", b"\xfe\xff\0{\0}", b"\0\0\0{\0\0\0}", b"\x80\x03}q\0.")
    yield from ('{"report_name": "ü"}'.encode(encoding) for encoding in ("latin-1", "utf-16", "utf-32"))
    numbers = [*_NUMBERS.split(), b"- 1", b"9" * 4_000, b"9" * 5_000, b"0." + b"1" * 5_000]
    yield from (b'{"num_transactions": %s}' % number for number in numbers)
    texts = [*_TEXTS.split(), b"\n", b"\t", b"\x1f", b"", b"x" * 101, b"x" * 60_000, "\N{GRINNING FACE}".encode() * 101]
    yield from (b'{"report_name": "%s"}' % text for text in texts)
    yield from (b"[" * depth + b"]" * depth for depth in (1, 199, 201, 900, 30_000))
    yield from (b'{"a":' * depth + b"1" + b"}" * depth for depth in (1, 199, 201, 900, 10_000))
    yield from (b"[" * 65_000, b'{"":' * 16_000, b'"' + b"\\" * 65_000, b"[" + b"0," * 32_000 + b"0]")
    yield from (b"--x\r\n\r\n--x--", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///x'>]>")
    yield from (gzip.compress(GOOD_BODY), zlib.compress(GOOD_BODY))
    yield from (b" " * BODY_BYTES_MAX, b"{}" + b" " * BODY_BYTES_MAX, b"x" * 100_000)
