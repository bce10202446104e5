"""Ids from the system's random bytes, which are fetched many at a time.

`os.urandom` gives up the interpreter's lock for its system call; where another thread computes, the event loop gets
the lock back 5 ms later. Two ids an accept, one system call each, were most of the time to an answer under load.
"""

import os
import threading
from uuid import UUID

FETCHED_BYTES = 4_096


class RandomBytes:
    """Random bytes, none of which is given out twice; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bytes = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Take some, at most `FETCHED_BYTES`."""
        with self._lock:
            if self._at + count > len(self._bytes):
                self._bytes, self._at = os.urandom(FETCHED_BYTES), 0
            begin = self._at
            self._at += count
            return self._bytes[begin : self._at]

    def forget(self) -> None:
        """Begin anew, with a lock of one's own: a forked process has copies of the bytes and of a lock that is held."""
        self._lock = threading.Lock()
        self._bytes = b""


_random = RandomBytes()
os.register_at_fork(after_in_child=_random.forget)


def new_uuid() -> UUID:
    """Make a UUID (RFC 9562, version 4)."""
    return UUID(bytes=_random.take(16), version=4)


def new_hex(count: int) -> str:
    """Write so many random bytes as hexadecimal digits."""
    return _random.take(count).hex()
