"""One caller's callbacks to one receiver: sent one at a time, in order, while other lanes go on.

A lane owns all that belongs to it: the head of its queue, the connection, how it stands with its receiver, the record
of its last attempt. What fails on our side is tried again: whatever happens in it, a lane goes on, and says meanwhile
what its trouble is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from src import failpoints
from src.errors import DatabaseAway, LeadershipLost
from src.services.delivery.attempt_records import AttemptRecords, LastRecord, Persistence
from src.services.delivery.attempts import CallbackAttempts, Connection, expiry_of, record_of
from src.services.delivery.decision import PauseLane, PauseReceiver, RetryRules, next_attempt_at
from src.services.delivery.lane_queue import LaneQueue
from src.services.delivery.lane_standing import LaneStanding
from src.services.delivery.message import message_body
from src.services.delivery.pauses import Pauses, Streaks
from src.services.delivery.proven import ProvenLanes
from src.services.delivery.schedule import longest_wait_s
from src.services.kit.backoff import Backoff
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.outbound.client import Reply
from src.services.requests.observers import Observers
from src.services.requests.records import LaneKey, OwedCallback
from src.services.requests.store import RequestStore

#: A callback whose report is older is looked up again before it is sent: it may have been deleted.
LOOKED_UP_AGAIN_AFTER = timedelta(seconds=1)
#: Who answers within this time is sure of a slot the next time.
PROMPT_WITHIN = timedelta(seconds=2)
#: An attempt whose record is still being written when its lane is closed; after this it stays owed.
RECORDED_WITHIN_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What all lanes share.

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


class _Rests(Exception):
    """The lane has nothing more to do for now: it is paused, or is being closed."""


class DeliveryLane:
    """One lane. The table is its queue.

    Args:
        key: whose callbacks, and to whom.
        parts: what all lanes share.
        connection: the way to the receiver; nothing is dialled before the first attempt.
        on_rest: called when it has stopped, because it is paused or everything is sent.
    """

    def __init__(
        self, key: LaneKey, parts: LaneParts, connection: Connection, *, on_rest: Callable[["DeliveryLane"], None]
    ) -> None:
        self.key = key
        #: The callback under way or waiting for its next attempt.
        self.current: OwedCallback | None = None
        #: Whether an attempt is under way or is being recorded.
        self.in_flight = False
        self.last_used_at = parts.now()
        self._parts = parts
        self._connection = connection
        self._on_rest = on_rest
        self._queue = LaneQueue(self._load)
        self._persistence = Persistence(key.caller, parts.turns, parts.sleep)
        self._last_record = LastRecord(parts.records, self._persistence, parts.observers)
        self._standing = LaneStanding(
            key, pauses=parts.pauses, streaks=parts.streaks, retries=parts.retries, persistence=self._persistence
        )
        #: Whether it only waits: for a time, the pace or a slot.
        self._only_waits = False
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._task is not None

    @property
    def trouble(self) -> str | None:
        """What keeps it from going on, on our side, in words; None when nothing does."""
        return self._persistence.trouble

    @property
    def may_leave(self) -> bool:
        """Whether everything that it knows stands in the table: it may be closed, and opened again."""
        waits = self._task is None or self._only_waits
        return waits and self._last_record.written and not self._standing.probing

    def offer(self, callback: OwedCallback) -> None:
        """Append a callback whose result was committed just now."""
        self._queue.offer(callback)
        self._go()

    def look_again(self) -> None:
        """Say that the table may hold callbacks which this lane has not seen."""
        self._queue.fall_behind()
        self._go()

    def probe(self) -> None:
        """Make one attempt although it is paused; what comes of it decides about the pause."""
        self._standing.probe()
        self.look_again()

    def leave(self) -> None:
        """Stop at once, without another step; only what `may_leave` says so of. It is to be closed."""
        self._queue.clear()
        if self._task:
            self._task.cancel()

    async def close(self, deadline_s: float = 0) -> None:
        """Take no further callback; after the deadline stop where it stands. What is not recorded stays owed."""
        self._queue.clear()
        self._closing = True
        if task := self._task:
            if not self.in_flight:
                task.cancel()
            await asyncio.wait([task], timeout=deadline_s)
            task.cancel()
            await asyncio.wait([task])
        await self._last_record.give_up(max(deadline_s, RECORDED_WITHIN_S))
        await self._connection.aclose()

    # --- the task --------------------------------------------------------------------------------------------

    def _go(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"lane {self.key.receiver}")

    async def _run(self) -> None:
        # No await may stand between the last look and `_task = None`: see GroupCommit.
        backoff = Backoff(self._parts.sleep)
        try:
            while not await self._has_worked():
                await backoff.wait()
                self._queue.read_anew()  # what was under way is still owed, or recorded by then
        finally:
            self.current = None
            self.in_flight = self._only_waits = False
            self._standing.let_go()
            self._task = None
            self._on_rest(self)

    async def _has_worked(self) -> bool:
        """Send everything; False: something failed on our side, and it is to be tried again."""
        try:
            while True:
                while callback := await self._queue.next():
                    self.current = callback
                    await self._deliver(callback)
                    self.current = None
                if not self._standing.probing:
                    return True
                await self._standing.end_useless_pauses()
        except (LeadershipLost, _Rests):
            # Another process sends what is owed; or it is looked at later, from the head again: what was under way
            # may be owed still, and comes before what is in memory.
            self._queue.read_anew()
            return True
        except Exception as error:  # noqa: BLE001  told, and tried again
            self._only_waits = False
            self._persistence.tell(error)
            return False

    async def _load(self, limit: int) -> list[OwedCallback]:
        # What is sent and not yet recorded still stands in the table as owed.
        await self._last_record.settle()
        return await self._persistence.make(lambda: self._parts.store.owed(self.key, limit))

    # --- one callback ----------------------------------------------------------------------------------------

    async def _deliver(self, callback: OwedCallback) -> None:
        """Try until the receiver acknowledges, the attempts are used up, or nobody wants it any more."""
        body = message_body(callback, self._parts.base_url)
        upcoming: OwedCallback | None = callback
        while upcoming is not None:
            callback = upcoming
            if self._closing:
                raise _Rests
            self._only_waits = True
            await self._wait_until_due(callback)
            await self._parts.attempts.until_free(self.key.receiver)
            if self._standing.paused and not self._is_expired(callback):
                await self._last_record.settle()
                raise _Rests
            if not await self._is_still_owed(callback):
                self._only_waits = False
                return
            upcoming = self.current = await self._try(callback, body)

    async def _wait_until_due(self, callback: OwedCallback) -> None:
        """Wait for the retry, but not beyond the expiry; a probe waits for nothing."""
        if callback.next_attempt_at is None or self._standing.probing:
            return
        longest = timedelta(seconds=longest_wait_s(self._parts.retries.delays_s))
        until = min(callback.next_attempt_at, self._expires_at(callback), self._parts.now() + longest)
        # The loop's clock is coarser than ours: it may wake us a moment too early.
        while (wait_s := (until - self._parts.now()).total_seconds()) > 0:
            await self._parts.sleep(wait_s)

    async def _is_still_owed(self, callback: OwedCallback) -> bool:
        if self._parts.now() - callback.finished.completed_at < LOOKED_UP_AGAIN_AFTER:
            return True
        try:
            return await self._parts.still_owed.submit(callback.request_id)
        except DatabaseAway:
            return True  # an attempt too many is better than one too few

    def _expires_at(self, callback: OwedCallback) -> datetime:
        return callback.owed_since + self._parts.expires_after

    def _is_expired(self, callback: OwedCallback) -> bool:
        return self._parts.now() >= self._expires_at(callback)

    async def _try(self, callback: OwedCallback, body: bytes) -> OwedCallback | None:
        """Make an attempt and record it; returns what is still owed.

        Until it is recorded it counts as under way, so that a stop waits for the record too.

        Raises:
            _Rests: the lane is paused now.
        """
        try:
            if self._is_expired(callback):
                self._begun()
                hours = self._parts.expires_after.total_seconds() / 3600
                await self._last_record.write(expiry_of(callback, self._parts.now(), hours))
                return None
            tried = await self._parts.attempts.make(
                callback, body, self._connection, proven=self.key.whole in self._parts.proven, begun=self._begun
            )
            prompt = isinstance(tried.outcome, Reply) and tried.ended_at - tried.attempted_at < PROMPT_WITHIN
            self._parts.proven.judge(self.key.whole, prompt=prompt)
            step = self._standing.decide(callback, tried)
            attempt = record_of(callback, tried, next_attempt_at(step))
            failpoints.reached("after_answer_before_record")
            await self._last_record.write(attempt)
            await self._standing.follow(step, tried)
        finally:
            self.in_flight = False
        if isinstance(step, PauseLane | PauseReceiver):
            raise _Rests
        if attempt.next_attempt_at is None:
            return None
        return replace(callback, attempts=attempt.attempt_number, next_attempt_at=attempt.next_attempt_at)

    def _begun(self) -> None:
        self._only_waits = False
        self.in_flight = True
        self.last_used_at = self._parts.now()
