"""Which lanes answered promptly the last time: remembered also while a lane has no place in memory."""

from src.services.kit.lru import Proven
from src.services.requests.records import LaneKey

#: Lanes that are remembered; the one that answered longest ago is forgotten first, and has to prove itself again.
PROVEN_MAX = 20_000


class ProvenLanes(Proven[LaneKey]):
    """Lanes that are sure of a slot. Belongs to one event loop."""

    def __init__(self) -> None:
        super().__init__(PROVEN_MAX)
