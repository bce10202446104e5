"""The dependencies shared by all lanes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from src.services.delivery.attempt_records import AttemptRecords
from src.services.delivery.attempts import CallbackAttempts
from src.services.delivery.cancellations import Cancellations
from src.services.delivery.decision import RetryRules
from src.services.delivery.pauses import Pauses, Streaks
from src.services.delivery.proven import ProvenLanes
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.requests.observers import Observers
from src.services.requests.records import LaneKey, OwedCallback
from src.services.requests.store import RequestStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """The dependencies of a lane.

    Args:
        store: the request store.
        attempts: makes attempts.
        records: stores their outcomes.
        observers: notified of each attempt.
        pauses: all pauses.
        streaks: consecutive failures.
        proven: lanes whose receiver's last response was prompt.
        statement_slots: limits the concurrent statements of all lanes.
        still_owed: returns whether a callback is still to be delivered; batched over many lanes.
        owed: returns the first undelivered callbacks of a lane, in order.
        cancellations: recently cancelled callbacks.
        retries: the retry schedule.
        expires_after: the age at which an undelivered callback is given up.
        now: the time, aware UTC, never going back.
        sleep: waits for a number of seconds.
    """

    store: RequestStore
    attempts: CallbackAttempts
    records: AttemptRecords
    observers: Observers
    pauses: Pauses
    streaks: Streaks
    proven: ProvenLanes
    statement_slots: Bulkhead
    still_owed: GroupCommit[UUID, bool]
    owed: Callable[[LaneKey, int], Awaitable[Sequence[OwedCallback]]]
    cancellations: Cancellations
    retries: RetryRules
    expires_after: timedelta
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
