"""A transport that never waits forever: one timer, armed for the whole life of the connection."""

import asyncio
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl
from math import inf
from typing import Any

from src.http_server.connection_limit import ConnectionSlot

#: How many times write progress is checked within the write timeout.
_CHECKS_PER_TIMEOUT = 4


class GuardedTransport(asyncio.Transport):
    """The transport of one connection, with a read deadline and a write timeout.

    The protocol sets the read deadline, and what happens when it passes, with `set_deadline`. The write timeout is
    always active: a peer that acknowledges no byte for `write_timeout_s` seconds while data is pending is aborted,
    even when the connection is already closing. On Linux, progress means bytes acknowledged by the peer's kernel;
    elsewhere, bytes that left asyncio's buffer for the socket.

    Args:
        transport: the transport to wrap.
        loop: the event loop whose clock is used.
        slot: the connection's slot, released when the connection is gone.
        write_timeout_s: seconds without write progress before the connection is aborted.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        slot: ConnectionSlot,
        write_timeout_s: float,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._slot = slot
        self._write_timeout_s = write_timeout_s
        self._written_bytes = 0
        self._acknowledged_bytes = -1
        self._stalled_since: float | None = None
        self._is_pinged = False
        self._on_timeout: Callable[[], None] = transport.close
        self._deadline = inf
        self._armed_for = loop.time() + write_timeout_s / _CHECKS_PER_TIMEOUT
        self._timer: asyncio.TimerHandle | None = loop.call_later(write_timeout_s / _CHECKS_PER_TIMEOUT, self._check)
        #: Called by `close` in place of closing, so that the protocol can linger first.
        self.on_close: Callable[[], None] | None = None

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

    def detach(self) -> None:
        """Release the slot and cancel the timer after the connection is lost. Idempotent."""
        self._slot.release()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def has_unread(self) -> bool:
        """Return whether the kernel holds received bytes that the event loop has not read yet."""
        return self._kernel_bytes(termios.FIONREAD) > 0

    def write(self, data: Any) -> None:
        self._written_bytes += len(data)
        self._transport.write(data)

    def close(self) -> None:
        """Close once the write buffer is flushed, or call `on_close` if it is set."""
        if self.on_close is not None:
            self.on_close()
        else:
            self._transport.close()

    def close_now(self) -> None:
        """Close once the write buffer is flushed, bypassing `on_close`."""
        self._transport.close()

    def write_eof(self) -> None:
        self._transport.write_eof()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            now = self._loop.time()
            self._armed_for = min(self._deadline, now + self._write_timeout_s / _CHECKS_PER_TIMEOUT)
            self._timer = self._loop.call_later(max(self._armed_for - now, 0.001), self._check)

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
            pending += self._kernel_bytes(termios.TIOCOUTQ)
        acknowledged = self._written_bytes - pending
        if not pending or acknowledged != self._acknowledged_bytes:
            self._acknowledged_bytes, self._stalled_since = acknowledged, None
        elif self._stalled_since is None:
            self._stalled_since = now
        elif now - self._stalled_since >= self._write_timeout_s:
            self._transport.abort()

    def _kernel_bytes(self, request: int) -> int:
        socket = self._transport.get_extra_info("socket")
        try:
            return int.from_bytes(ioctl(socket.fileno(), request, bytes(4)), sys.byteorder)
        except (AttributeError, OSError, ValueError):  # no socket, or a closed one
            return 0
