"""A transport that never waits for ever: one timer, armed from the first moment to the last."""

import asyncio
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl
from math import inf
from typing import Any

from src.http_server.places import Place

#: How often it is looked whether the peer takes what it is owed, as a part of the time it may go without.
_LOOKS = 4


class GuardedTransport(asyncio.Transport):
    """The transport of one connection, under a deadline for what the peer sends and one for what it takes.

    The first is set by the protocol with `expect` and ends in what it says there. The second always runs: a peer
    that takes no byte for `progress_within_s` (seconds) while some wait for it is cut off, also one that the
    connection to was closed already. On Linux it counts what the peer's machine acknowledged; elsewhere, what left
    for the system's buffer.

    Args:
        transport: what it guards.
        loop: whose clock counts.
        place: freed when the connection is gone.
        progress_within_s: see above.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        place: Place,
        progress_within_s: float,
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._place = place
        self._progress_within_s = progress_within_s
        self._written = 0
        self._taken = -1
        self._stands_since: float | None = None
        self._late: Callable[[], None] = transport.close
        self._deadline = inf
        self._armed_at = loop.time() + progress_within_s / _LOOKS
        self._timer: asyncio.TimerHandle | None = loop.call_later(progress_within_s / _LOOKS, self._look)
        #: Instead of closing, if the protocol wants to do something first.
        self.on_close: Callable[[], None] | None = None

    def expect(self, within_s: float, late: Callable[[], None]) -> None:
        """Call `late` in so many seconds, unless something else, or nothing, is expected by then."""
        self._late = late
        self._deadline = self._loop.time() + within_s
        if self._deadline < self._armed_at:
            self._arm()

    def expect_nothing(self) -> None:
        """Set no deadline for what the peer sends. The timer stays as it is, so that this costs nothing."""
        self._deadline = inf

    def end(self) -> None:
        """Forget the connection, which is gone; as often as one likes."""
        self._place.free()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def has_unread(self) -> bool:
        """Tell whether bytes of the peer's have come that the event loop has not yet read."""
        return self._in_kernel(termios.FIONREAD) > 0

    def write(self, data: Any) -> None:
        """Write, and count."""
        self._written += len(data)
        self._transport.write(data)

    def close(self) -> None:
        """Close when everything is written; or do first what the protocol wants."""
        if self.on_close is not None:
            self.on_close()
        else:
            self._transport.close()

    def close_now(self) -> None:
        """Close when everything is written."""
        self._transport.close()

    def write_eof(self) -> None:
        """Say that nothing more will come, once everything is written; reading goes on."""
        self._transport.write_eof()

    def abort(self) -> None:
        """Close without writing the rest."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Tell whether it is closed or about to be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Read no more for now."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def get_write_buffer_size(self) -> int:
        """Tell how many bytes wait for the system's buffer."""
        return self._transport.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell what is known of the socket."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol have what is read."""
        self._transport.set_protocol(protocol)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            now = self._loop.time()
            self._armed_at = min(self._deadline, now + self._progress_within_s / _LOOKS)
            self._timer = self._loop.call_later(max(self._armed_at - now, 0.001), self._look)

    def _look(self) -> None:
        now = self._loop.time()
        self._look_whether_it_takes(now)
        if now >= self._deadline:
            self._deadline = inf
            self._late()
        self._arm()

    def _look_whether_it_takes(self, now: float) -> None:
        waits = self._transport.get_write_buffer_size()
        if sys.platform == "linux":
            waits += self._in_kernel(termios.TIOCOUTQ)
        taken = self._written - waits
        if not waits or taken != self._taken:
            self._taken, self._stands_since = taken, None
        elif self._stands_since is None:
            self._stands_since = now
        elif now - self._stands_since >= self._progress_within_s:
            self._transport.abort()

    def _in_kernel(self, what: int) -> int:
        socket = self._transport.get_extra_info("socket")
        try:
            return int.from_bytes(ioctl(socket.fileno(), what, bytes(4)), sys.byteorder)
        except (AttributeError, OSError, ValueError):  # no socket, or one that is closed
            return 0
