"""A wall clock that is safe to measure durations with."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SteadyClock:
    """Aware UTC times that never go back and never jump while the process lives.

    The wall clock is read once, then advanced by the monotonic clock. A retry that is due in four seconds stays due
    in four seconds when the machine's clock is set.

    Args:
        wall: the machine's clock, aware UTC.
        monotonic_s: seconds from any starting point, never going back.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._started_at = wall()

    def __call__(self) -> datetime:
        """Return the current time."""
        return self._started_at + timedelta(seconds=self._monotonic_s() - self._started_s)
