"""A transport that never waits forever, and lets the protocol linger before it closes."""

import asyncio
import termios
from collections.abc import Callable
from typing import Any

from src.http_server.connection_limit import ConnectionSlot
from src.http_server.timer import ConnectionTimer, kernel_bytes


class GuardedTransport(asyncio.Transport):
    """The transport of one connection, with its timer and its slot.

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
        self._slot = slot
        self.timer = ConnectionTimer(transport, loop, write_timeout_s)
        #: Called by `close` in place of closing, so that the protocol can linger first.
        self.on_close: Callable[[], None] | None = None

    def detach(self) -> None:
        """Release the slot and cancel the timer after the connection is lost. Idempotent."""
        self._slot.release()
        self.timer.cancel()

    def has_unread(self) -> bool:
        """Return whether the kernel holds received bytes that the event loop has not read yet."""
        return kernel_bytes(self._transport, termios.FIONREAD) > 0

    def write(self, data: Any) -> None:
        self.timer.written_bytes += len(data)
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
