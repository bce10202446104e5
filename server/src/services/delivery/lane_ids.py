"""Public ids of lanes: stable, and without revealing the caller."""

import hmac
from uuid import UUID

from src.services.requests.records import LaneKey

LANE_ID_CHARS = 16


class LaneIds:
    """Maps lanes to their public ids.

    Args:
        secret: stored in the database; without it, callers cannot be found by brute force.
    """

    def __init__(self, secret: UUID) -> None:
        self._secret = secret.bytes

    def __call__(self, lane: LaneKey) -> str:
        """Return the id of a lane, shared by all its sequences: 16 hexadecimal digits."""
        return hmac.digest(self._secret, "\0".join((lane.caller, lane.receiver)).encode(), "sha256").hex()[
            :LANE_ID_CHARS
        ]
