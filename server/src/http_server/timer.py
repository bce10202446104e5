"""The one timer of a connection, armed for its whole life, so that no state waits forever."""

import asyncio
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl
from math import inf

#: How many times write progress is checked within the write timeout.
_CHECKS_PER_TIMEOUT = 4


class ConnectionTimer:
    """Enforces the read deadline that the protocol sets, and a write timeout that is always active.

    A peer that acknowledges no byte for `write_timeout_s` seconds while data is pending is aborted, even when the
    connection is already closing. On Linux, progress means bytes acknowledged by the peer's kernel; elsewhere, bytes
    that left asyncio's buffer for the socket.

    Args:
        transport: the transport to watch.
        loop: the event loop whose clock is used.
        write_timeout_s: seconds without write progress before the connection is aborted.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, write_timeout_s: float) -> None:
        self._transport = transport
        self._loop = loop
        self._write_timeout_s = write_timeout_s
        #: Bytes handed to the transport so far; whoever writes counts them.
        self.written_bytes = 0
        self._acknowledged_bytes = -1
        self._stalled_since: float | None = None
        self._is_pinged = False
        self._on_timeout: Callable[[], None] = transport.close
        self._deadline = inf
        self._armed_for = loop.time() + write_timeout_s / _CHECKS_PER_TIMEOUT
        self._handle: asyncio.TimerHandle | None = loop.call_later(write_timeout_s / _CHECKS_PER_TIMEOUT, self._check)

    def set_deadline(self, timeout_s: float, on_timeout: Callable[[], None]) -> None:
        """Call `on_timeout` after `timeout_s` seconds, unless the deadline is replaced or cleared before."""
        self._on_timeout = on_timeout
        self._deadline = self._loop.time() + timeout_s
        if self._deadline < self._armed_for:
            self._arm()

    def clear_deadline(self) -> None:
        """Clear the read deadline. The timer stays armed for the write timeout, so this costs nothing."""
        self._deadline = inf

    def rely_on_pings(self) -> None:
        """Clear the deadline, and check only the own write buffer while the connection is open: pings check the peer.

        The system call for the kernel's buffer releases the GIL, which a computing thread then keeps for 5 ms; a
        thousand WebSockets would make 67 such calls a second.
        """
        self._is_pinged = True
        self.clear_deadline()

    def cancel(self) -> None:
        """Stop for good. Idempotent."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            now = self._loop.time()
            self._armed_for = min(self._deadline, now + self._write_timeout_s / _CHECKS_PER_TIMEOUT)
            self._handle = self._loop.call_later(max(self._armed_for - now, 0.001), self._check)

    def _check(self) -> None:
        now = self._loop.time()
        self._check_write_progress(now)
        if now >= self._deadline:
            self._deadline = inf
            self._on_timeout()
        self._arm()

    def _check_write_progress(self, now: float) -> None:
        pending = self._transport.get_write_buffer_size()
        if sys.platform == "linux" and (self._transport.is_closing() or not self._is_pinged):
            pending += kernel_bytes(self._transport, termios.TIOCOUTQ)
        acknowledged = self.written_bytes - pending
        if not pending or acknowledged != self._acknowledged_bytes:
            self._acknowledged_bytes, self._stalled_since = acknowledged, None
        elif self._stalled_since is None:
            self._stalled_since = now
        elif now - self._stalled_since >= self._write_timeout_s:
            self._transport.abort()


def kernel_bytes(transport: asyncio.Transport, request: int) -> int:
    """Ask the kernel how many bytes it holds for a connection: `FIONREAD` unread, `TIOCOUTQ` unacknowledged."""
    socket = transport.get_extra_info("socket")
    try:
        return int.from_bytes(ioctl(socket.fileno(), request, bytes(4)), sys.byteorder)
    except (AttributeError, OSError, ValueError):  # no socket, or a closed one
        return 0
