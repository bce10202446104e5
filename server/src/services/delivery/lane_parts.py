"""What all lanes share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from src.services.delivery.attempt_records import AttemptRecords
from src.services.delivery.attempts import CallbackAttempts
from src.services.delivery.decision import RetryRules
from src.services.delivery.pauses import Pauses, Streaks
from src.services.delivery.proven import ProvenLanes
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.requests.observers import Observers
from src.services.requests.store import RequestStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """Handed to each lane.

    Args:
        store: the statements.
        attempts: makes attempts.
        records: writes what came of them.
        observers: told of each attempt.
        pauses: what is left alone.
        streaks: what failed how often in a row.
        proven: which lanes answered promptly the last time.
        turns: which lanes may ask the database now.
        still_owed: returns whether a callback is still to be delivered; batched over many lanes.
        retries: when callbacks are tried again.
        base_url: what links in the body start with.
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
    turns: Bulkhead
    still_owed: GroupCommit[UUID, bool]
    retries: RetryRules
    base_url: str
    expires_after: timedelta
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
