"""Which lanes answered promptly the last time: remembered also while a lane has no place in memory."""

from collections import OrderedDict

from src.services.requests.records import LaneKey

#: Lanes that are remembered; the one that answered longest ago is forgotten first, and has to prove itself again.
PROVEN_MAX = 20_000


class ProvenLanes:
    """Lanes that are sure of a slot. Belongs to one event loop."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[LaneKey, None] = OrderedDict()

    def __contains__(self, lane: LaneKey) -> bool:
        """Tell whether a lane answered promptly the last time."""
        return lane in self._lanes

    def judge(self, lane: LaneKey, *, prompt: bool) -> None:
        """Remember how a lane answered."""
        if not prompt:
            self._lanes.pop(lane, None)
            return
        self._lanes[lane] = None
        self._lanes.move_to_end(lane)
        if len(self._lanes) > PROVEN_MAX:
            self._lanes.popitem(last=False)
