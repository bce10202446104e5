"""A circuit breaker for the object store: during an outage only one caller waits for a timeout, the rest fail fast."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from src.services.report_files.object_store_faults import StorageAway

#: Time from a failure to the next probe.
ASKED_AGAIN_AFTER_S = 1.0


class RetryGate:
    """A circuit breaker: lets every call through while the store responds, and a periodic probe while it does not.

    Args:
        answer_within_s: how long a probe may take, seconds; no other is made meanwhile.
        now_s: a monotonic clock, seconds.
    """

    def __init__(self, answer_within_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._answer_within_s = answer_within_s
        self._now_s = now_s
        self._lock = threading.Lock()
        self._trouble: StorageAway | None = None
        self._next_try_s = 0.0

    @property
    def trouble(self) -> StorageAway | None:
        """The failure of the last call; None if it succeeded."""
        return self._trouble

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Guard one call of the store, and record its outcome.

        Raises:
            StorageAway: it failed recently, or a probe is in progress.
        """
        with self._lock:
            if self._trouble is not None:
                if self._now_s() < self._next_try_s:
                    raise StorageAway(self._trouble.sentence, answered=True)
                self._next_try_s = self._now_s() + self._answer_within_s
        try:
            yield
        except StorageAway as away:
            if not away.answered:
                self._set(away)
            raise
        self._set(None)

    def _set(self, trouble: StorageAway | None) -> None:
        with self._lock:
            self._trouble, self._next_try_s = trouble, self._now_s() + ASKED_AGAIN_AFTER_S
