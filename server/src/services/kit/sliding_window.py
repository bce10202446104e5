"""Exact sliding-window counters, shared by the limits on callers and on receivers."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from src.services.kit.lru import LruDict

_NEVER: Sequence[float] = ()


class SlidingWindow:
    """The times of recent events, by key. Not thread-safe.

    The window is closed: an event still counts exactly `window_s` seconds after it happened.

    Args:
        keys_max: maximum number of keys; the least recently queried is evicted first.
        now_s: seconds from any starting point, never going back.
    """

    def __init__(self, keys_max: int, now_s: Callable[[], float] = time.monotonic) -> None:
        self.now_s = now_s
        self._times_s: LruDict[str, deque[float]] = LruDict(keys_max)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._times_s)

    def recent(self, key: str, window_s: float) -> Sequence[float]:
        """Return the times of the events in the last `window_s` seconds, oldest first."""
        times_s = self._times_s.get(key)
        if times_s is None:
            return _NEVER
        self._times_s.move_to_end(key)
        since_s = self.now_s() - window_s
        while times_s and times_s[0] < since_s:
            times_s.popleft()
        return times_s

    def add(self, key: str) -> None:
        """Record an event that happens now."""
        times_s = self._times_s.get(key)
        if times_s is None:
            times_s = self._times_s[key] = deque()
        times_s.append(self.now_s())

    def forget(self, window_s: float) -> None:
        """Evict keys, least recently queried first, up to one with an event in the last `window_s` seconds."""
        since_s = self.now_s() - window_s
        while self._times_s:
            times_s = next(iter(self._times_s.values()))
            if times_s and times_s[-1] >= since_s:
                return
            self._times_s.popitem(last=False)

    def drop(self, key: str) -> None:
        """Remove a key."""
        self._times_s.pop(key, None)

    def clear(self) -> int:
        """Remove all keys; returns how many there were."""
        count = len(self._times_s)
        self._times_s.clear()
        return count
