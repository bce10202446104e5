"""What the rest of the service knows of whatever generates reports and delivers callbacks."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from src.services.delivery.sender import DeliveryState, LaneState
from src.services.requests.records import LaneKey


@dataclass(frozen=True, slots=True)
class EngineState:
    """What an engine does now, as it says itself."""

    alive: bool
    #: Whether it is this process that works; another one may.
    leading: bool
    busy_with: UUID | None
    heartbeat_age_s: float | None
    callbacks_in_flight: int
    #: Who waits for a lane or a slot, and which lanes are in trouble; null while another process works.
    delivery: DeliveryState | None
    #: What keeps it from working on, in words; null when nothing does.
    trouble: str | None
    #: Index in the cycle of priorities of the next start; 0 while another process works.
    cycle_at: int = 0


class Engine(Protocol):
    """Works off what was accepted, in order, and delivers. The table is the truth: whatever is said here is a hint.

    Its methods are called on the server's event loop, and none but `start` and `stop` waits.
    """

    async def start(self) -> None:
        """Begin: from now on it works whenever this process leads."""

    async def stop(self) -> None:
        """Stop and wait: the report under way goes back to the queue, attempts under way get a deadline."""

    def wake(self) -> None:
        """Say that something was accepted, here or elsewhere."""

    def redeliver(self, lane: LaneKey) -> None:
        """Say that the table holds a callback for this lane; another process that leads finds it by itself."""

    def receivers_changed(self, receivers: Collection[str]) -> None:
        """Say that the pauses of receivers may have ended."""

    def state(self) -> EngineState:
        """Look at it from outside."""

    async def lanes(self) -> list[LaneState]:
        """Look at what is being delivered; nothing while another process works."""
