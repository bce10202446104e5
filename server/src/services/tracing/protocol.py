"""What the rest knows of tracing: its packages are imported only where a setting asks for traces."""

from typing import Protocol

from src.services.requests.observers import Observers
from src.trace_context import TraceContext


class TracedCall(Protocol):
    """An HTTP call that is being answered."""

    @property
    def context(self) -> TraceContext:
        """Its span."""

    def end(self, route: str | None, status: int) -> None:
        """Record its end.

        Args:
            route: the template of its route; None if no route answers it.
            status: that of the response; 0 if there was none.
        """


class Tracing(Protocol):
    """Records spans and exports them in the background."""

    def start(self) -> None:
        """Start exporting."""

    def begin_call(self, parent: TraceContext | None, method: str, path: str, scheme: str) -> TracedCall:
        """Begin the span of an HTTP call; without a parent, it is the first of its trace."""

    def observers(self) -> Observers:
        """Return observers that record waiting, generation and attempts."""

    async def aclose(self) -> None:
        """Export what is left, within a deadline."""
