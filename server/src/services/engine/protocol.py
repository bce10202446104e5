"""The interface of the engine, which generates reports and delivers callbacks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from src.services.delivery.sender import DeliveryState, LaneState
from src.services.requests.records import Cancelled, LaneKey


@dataclass(frozen=True, slots=True)
class EngineState:
    """A snapshot of an engine's state."""

    alive: bool
    #: Whether this process is the leader.
    leading: bool
    busy_with: UUID | None
    heartbeat_age_s: float | None
    callbacks_in_flight: int
    #: Waiting lanes and attempts, and lanes in trouble; None while another process is the leader.
    delivery: DeliveryState | None
    #: What blocks progress, as a sentence; None if nothing does.
    trouble: str | None
    #: Index in the cycle of priorities of the next start; 0 while another process is the leader.
    cycle_at: int = 0


class Engine(Protocol):
    """Processes accepted requests in order and delivers callbacks. The table is authoritative; notifications are hints.

    Its methods are called on the server's event loop; only `start`, `stop` and `lanes` wait.
    """

    async def start(self) -> None:
        """Start the engine; from now on it works whenever this process is the leader."""

    async def stop(self) -> None:
        """Stop and wait: the current report returns to the queue, attempts in flight get a deadline."""

    def wake(self) -> None:
        """Notify the engine of newly accepted requests, in this or another process."""

    def redeliver(self, lane: LaneKey) -> None:
        """Notify the engine of a callback stored for this lane; a leader in another process polls for it."""

    def receivers_changed(self, receivers: Collection[str]) -> None:
        """Notify the engine that the pauses of receivers may have ended."""

    def stop_work(self, request_ids: Collection[UUID]) -> None:
        """Notify the engine of requests or callbacks that were cancelled, in this or another process."""

    async def cancelled(self, request_id: UUID, cancelled: Cancelled) -> None:
        """Stop working on a request that was cancelled.

        When it returns, no attempt to deliver its report begins any more, whichever process delivers.
        """

    def state(self) -> EngineState:
        """Return a snapshot of the state; thread-safe."""

    async def lanes(self) -> list[LaneState]:
        """Return a snapshot of the delivery lanes; empty while another process is the leader."""
