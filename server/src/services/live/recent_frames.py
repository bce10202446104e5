"""The newest frames of the stream, for those who come back after a break."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from src.services.live.frames import Frame

#: Bytes of frames that are kept; who missed more reads everything again.
KEPT_BYTES_MAX = 512 * 1024
#: For how long frames are kept when nobody is left who could come back for them.
KEPT_FOR_S = 30.0
_ID = re.compile(r"([0-9a-f]{1,32})-([0-9]{1,15})")


class RecentFrames:
    """Keeps frames while there are clients that name the last one they got, and a while after the last of them left.

    Args:
        stream: the name of the stream; numbers of another one say nothing here.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(self, stream: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now_s = now_s
        self._followers = 0
        self._until_s = now_s()
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    @property
    def are_kept(self) -> bool:
        """Whether frames are kept now: somebody is there, or may come back."""
        return self._followers > 0 or self._now_s() < self._until_s

    def keep(self, frame: Frame) -> None:
        """Keep a frame, if they are kept; the oldest make room."""
        if not self.are_kept:
            return
        self._frames.append(frame)
        self._bytes += len(frame.json)
        while self._bytes > KEPT_BYTES_MAX:
            self._bytes -= len(self._frames.popleft().json)

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Keep frames from now on, for a client that may come back for what it misses."""
        if not self.are_kept:  # there may have been frames meanwhile that nobody was told
            self._frames.clear()
            self._bytes = 0
        self._followers += 1
        try:
            yield
        finally:
            self._followers -= 1
            self._until_s = self._now_s() + KEPT_FOR_S

    def missed_since(self, last_id: str, newest: int) -> Sequence[Frame] | None:
        """Return the frames behind one.

        Args:
            last_id: the id of the last frame that a client got.
            newest: the number of the newest frame.

        Returns:
            The frames; None: it is not known what was missed.
        """
        found = _ID.fullmatch(last_id)
        if found is None or found[1] != self._stream or not self.are_kept:
            return None
        number = int(found[2])
        oldest = self._frames[0].seq if self._frames else newest + 1
        if not oldest - 1 <= number <= newest:
            return None
        return [frame for frame in self._frames if frame.seq > number and not frame.is_heartbeat]
