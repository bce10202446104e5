"""Lanes whose receiver's last response was prompt; remembered beyond the life of a lane."""

from src.services.kit.lru import Proven
from src.services.requests.records import LaneKey

#: Maximum number of lanes remembered; the least recent is evicted first, and has to prove itself again.
PROVEN_MAX = 20_000


class ProvenLanes(Proven[LaneKey]):
    """Lanes that may use the reserved slots. Belongs to one event loop."""

    def __init__(self) -> None:
        super().__init__(PROVEN_MAX)
