"""Watchers of the live stream, in a process of their own: `python -m bench.watching PORT WATCHERS`.

They read and count, and do no more: no library's client could read for a thousand on half a core. When standard input
ends, one line of JSON says what they saw, and the process ends.
"""

import base64
import json
import selectors
import socket
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from src.config import SERVER_FOLDER

#: More would be refused, from one address.
WATCHERS_OF_ONE_ADDRESS = 50
OPENED_WITHIN_S = 30.0
ENDS_WITHIN_S = 10.0
HEAD = (
    "GET /api/ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)
# RFC 6455, section 5.2.
CLOSE, PING, PONG = 0x8, 0x9, 0xA
#: RFC 7692, 6.
DEFLATED = 0x40
#: Of a message, enough to hold its type, deflated or not; control frames are never larger.
BEGINNING_BYTES = 512
LENGTH_16_BITS, LENGTH_64_BITS = 126, 127


@dataclass(slots=True)
class Seen:
    """What all watchers received: frames by type, bytes, and closed connections."""

    types: Counter[str] = field(default_factory=Counter)
    received: int = 0
    ended: int = 0


class Watcher:
    """One connection; parses frames, and of each only the type."""

    def __init__(self, address: str, port: int, seen: Seen) -> None:
        self.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=OPENED_WITHIN_S, source_address=(address, 0)
        )
        self._seen = seen
        self._buffer = bytearray()
        key = base64.b64encode(b"0" * 16).decode()
        self.socket.sendall(HEAD.format(port=port, key=key).encode())
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._buffer += self._received()
        if not self._buffer.startswith(b"HTTP/1.1 101 "):
            raise RuntimeError(f"No place for a watcher: {self._buffer.decode()}")
        del self._buffer[: end + 4]
        self.socket.setblocking(False)
        self._read_frames()

    def _received(self) -> bytes:
        received = self.socket.recv(1 << 20)
        if not received:
            raise ConnectionResetError
        return received

    def read(self) -> bool:
        """Read the available data; returns whether the connection is still open."""
        try:
            received = self._received()
        except BlockingIOError:
            return True
        except OSError:
            self._seen.ended += 1
            return False
        self._seen.received += len(received)
        self._buffer += received
        self._read_frames()
        return True

    def _read_frames(self) -> None:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            length, begins = buffer[at + 1], at + 2
            if length == LENGTH_16_BITS:
                length, begins = int.from_bytes(buffer[begins : begins + 2], "big"), begins + 2
            elif length == LENGTH_64_BITS:
                length, begins = int.from_bytes(buffer[begins : begins + 8], "big"), begins + 8
            if len(buffer) < begins + length:
                break
            self._take(buffer[at], buffer[begins : begins + min(length, BEGINNING_BYTES)])
            at = begins + length
        del buffer[:at]

    def _take(self, head: int, beginning: bytearray) -> None:
        opcode = head & 0xF
        if opcode == PING:
            self.socket.send(bytes([0x80 | PONG, 0x80 | len(beginning), 0, 0, 0, 0]) + beginning)
        elif opcode != CLOSE:
            if head & DEFLATED:
                beginning = bytearray(zlib.decompressobj(-zlib.MAX_WBITS).decompress(beginning, BEGINNING_BYTES))
            self._seen.types[beginning.split(b'"', 4)[3].decode()] += 1


def main(port: int, watchers: int) -> None:
    """Watch until standard input ends."""
    seen, selector = Seen(), selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    for number in range(watchers):
        watcher = Watcher(f"127.0.1.{1 + number // WATCHERS_OF_ONE_ADDRESS}", port, seen)
        selector.register(watcher.socket, selectors.EVENT_READ, watcher)
    print("watching", flush=True)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                told = {"types": seen.types, "received": seen.received, "ended": seen.ended}
                print(json.dumps(told), flush=True)
                return
            if not key.data.read():
                selector.unregister(key.fileobj)


@dataclass(slots=True)
class Watched:
    """What the watchers received, available once they have ended."""

    types: Counter[str] = field(default_factory=Counter)
    received: int = 0
    ended: int = 0
    took_s: float = 0.0


@contextmanager
def watching(port: int, watchers: int) -> Iterator[Watched]:
    """Run so many watchers in a `with` block; their results are available afterwards."""
    command = [sys.executable, "-m", "bench.watching", str(port), str(watchers)]
    watched = Watched()
    with subprocess.Popen(
        command, cwd=SERVER_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "watching\n":
                raise RuntimeError("The watchers could not open their connections.")
            started_s = time.perf_counter()
            yield watched
            watched.took_s = time.perf_counter() - started_s
            process.stdin.close()
            seen = json.loads(process.stdout.readline())
            watched.types, watched.received, watched.ended = Counter(seen["types"]), seen["received"], seen["ended"]
        finally:
            process.kill()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
