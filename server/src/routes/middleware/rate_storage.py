"""Where this server counts for itself: a storage for `limits`, exact and bounded.

The one it brings keeps every key for ever, follows the wall clock and starts a thread for each burst of hits.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from limits.storage import MovingWindowSupport, Storage

from src.services.kit.sliding_window import SlidingWindow

#: Callers remembered at most; the one that was quiet longest is forgotten first.
CALLERS_MAX = 20_000


class BoundedMemoryStorage(Storage, MovingWindowSupport):
    """The times of recent hits, for a bounded number of keys, on the monotonic clock. Used on one thread."""

    STORAGE_SCHEME = ["bounded-memory"]  # noqa: RUF012  the base class declares it so

    def __init__(
        self,
        uri: str | None = None,
        wrap_exceptions: bool = False,
        now_s: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions, **options)
        self._hits = SlidingWindow(CALLERS_MAX, now_s)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits unless that makes more than `limit` in the last `expiry` seconds."""
        if len(self._hits.recent(key, expiry)) + amount > limit:
            return False
        for _ in range(amount):
            self._hits.add(key)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:  # noqa: ARG002
        """Return the time of the oldest hit in the window, and the number of hits."""
        hits = self._hits.recent(key, expiry)
        return (hits[0] if hits else self._hits.now_s()), len(hits)

    def hits(self, key: str, expiry: int) -> Sequence[float]:
        """Return the times of the hits in the window, oldest first."""
        return self._hits.recent(key, expiry)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails."""
        return ValueError

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget every caller; returns how many that were."""
        return self._hits.clear()

    def clear(self, key: str) -> None:
        """Forget one caller."""
        self._hits.drop(key)

    def get(self, key: str) -> int:
        """Refuse: a moving window is not one number."""
        raise NotImplementedError("only moving windows are supported")

    def get_expiry(self, key: str) -> float:
        """Refuse, as `get` does."""
        raise NotImplementedError("only moving windows are supported")

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Refuse: fixed windows let twice the limit through around their edges."""
        raise NotImplementedError("only moving windows are supported")
