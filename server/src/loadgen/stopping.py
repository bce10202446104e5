"""Early termination of a run: Ctrl-C, SIGTERM, or the end of the parent process."""

import asyncio
import os
import signal
from collections.abc import Callable

#: Seconds for requests in flight to complete after a stop was requested.
GRACE_S = 2.0


class Stop:
    """The first request to stop is graceful, the second one cancels the run at once."""

    def __init__(self, parent_fd: int | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._parent_fd = parent_fd
        self.requested = asyncio.Event()
        #: Called when a stop is requested.
        self.listeners: list[Callable[[], None]] = []

    def __enter__(self) -> "Stop":
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(each, self.request)
        if self._parent_fd is not None:
            self._loop.add_reader(self._parent_fd, self._on_parent_pipe, self._parent_fd)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(each)
        if self._parent_fd is not None:
            self._loop.remove_reader(self._parent_fd)

    def request(self) -> None:
        """Request a graceful stop; the second time, cancel the run at once."""
        if self.requested.is_set() and self._main is not None:
            self._main.cancel()
        self.requested.set()
        for listener in self.listeners:
            listener()

    def _on_parent_pipe(self, pipe: int) -> None:
        if not os.read(pipe, 1024):
            self._loop.remove_reader(pipe)
            self.request()
