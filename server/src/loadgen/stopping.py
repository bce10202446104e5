"""What ends a run early: Ctrl-C, SIGTERM, the end of the program that started it."""

import asyncio
import os
import signal
from collections.abc import Callable

#: What is under way when somebody wishes to stop has this long to come to an end.
GRACE_S = 2.0


class Stop:
    """The first wish to stop is granted in order, the second at once."""

    def __init__(self, parent_fd: int | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()
        self._parent_fd = parent_fd
        self.wished = asyncio.Event()
        #: Called when it is wished for.
        self.listeners: list[Callable[[], None]] = []

    def __enter__(self) -> "Stop":
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(each, self.wish)
        if self._parent_fd is not None:
            self._loop.add_reader(self._parent_fd, self._parent_spoke, self._parent_fd)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(each)
        if self._parent_fd is not None:
            self._loop.remove_reader(self._parent_fd)

    def wish(self) -> None:
        """Stop in order; the second time: at once."""
        if self.wished.is_set() and self._main is not None:
            self._main.cancel()
        self.wished.set()
        for listener in self.listeners:
            listener()

    def _parent_spoke(self, pipe: int) -> None:
        if not os.read(pipe, 1024):
            self._loop.remove_reader(pipe)
            self.wish()
