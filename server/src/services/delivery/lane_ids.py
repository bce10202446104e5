"""Names of lanes that may be shown: the same for the same lane, and nobody can tell the caller from them."""

import hmac
from uuid import UUID

from src.services.requests.records import LaneKey

LANE_ID_CHARS = 16


class LaneIds:
    """Names lanes.

    Args:
        secret: the database's; whoever does not know it cannot try callers one after the other.
    """

    def __init__(self, secret: UUID) -> None:
        self._secret = secret.bytes

    def __call__(self, lane: LaneKey) -> str:
        """Name a lane, the same for all its sequences: 16 hexadecimal digits."""
        return hmac.digest(self._secret, "\0".join((lane.caller, lane.receiver)).encode(), "sha256").hex()[
            :LANE_ID_CHARS
        ]
