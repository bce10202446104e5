"""Delivering one callback of a lane: when it is due, whether it is still wanted, the attempts and their records."""

from dataclasses import replace
from datetime import datetime, timedelta

from src import failpoints
from src.errors import DatabaseAway
from src.services.delivery.attempt_records import LastRecord, Persistence
from src.services.delivery.attempts import Connection, expiry_of, record_of
from src.services.delivery.decision import PauseLane, PauseReceiver, next_attempt_at
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.lane_standing import LaneStanding
from src.services.delivery.message import message_body
from src.services.delivery.schedule import longest_wait_s
from src.services.outbound.client import Reply
from src.services.requests.records import LaneKey, OwedCallback

#: A callback whose report is older is looked up again before it is sent: it may have been deleted.
LOOKED_UP_AGAIN_AFTER = timedelta(seconds=1)
#: Who answers within this time is sure of a slot the next time.
PROMPT_WITHIN = timedelta(seconds=2)
#: An attempt whose record is still being written when its lane is closed; after this it stays owed.
RECORDED_WITHIN_S = 4.0


class LaneRests(Exception):
    """The lane has nothing more to do for now: it is paused, or is being closed."""


class CallbackDelivery:
    """Delivers the callbacks of one lane, one after the other. Owns the connection and the record of the last attempt.

    Args:
        key: whose callbacks, and to whom.
        parts: what all lanes share.
        connection: the way to the receiver; nothing is dialled before the first attempt.
        standing: how the lane stands with its receiver.
        persistence: the lane's way to the database.
    """

    def __init__(
        self, key: LaneKey, parts: LaneParts, connection: Connection, standing: LaneStanding, persistence: Persistence
    ) -> None:
        #: The callback under way or waiting for its next attempt.
        self.current: OwedCallback | None = None
        #: Whether an attempt is under way or is being recorded.
        self.in_flight = False
        #: Whether it only waits: for a time, the pace or a slot.
        self.only_waits = False
        self.last_used_at = parts.now()
        self._key = key
        self._parts = parts
        self._connection = connection
        self._standing = standing
        self._last_record = LastRecord(parts.records, persistence, parts.observers)
        self._stopping = False

    @property
    def recorded(self) -> bool:
        """Whether everything that was sent stands in the table."""
        return self._last_record.written

    async def settle(self) -> None:
        """Wait until everything that was sent is recorded.

        Raises:
            LeadershipLost: another process sends what is owed.
        """
        await self._last_record.settle()

    async def deliver(self, callback: OwedCallback) -> None:
        """Try until the receiver acknowledges, the attempts are used up, or nobody wants it any more.

        Raises:
            LaneRests: the lane is paused now, or is being closed.
            Exception: something failed on our side; what is owed stands in the table.
        """
        body = message_body(callback, self._parts.base_url)
        self.current = callback
        try:
            while self.current is not None:
                self.current = await self._step(self.current, body)
        finally:
            self.only_waits = False

    def stop(self) -> None:
        """Begin no further attempt."""
        self._stopping = True

    def reset(self) -> None:
        """Nothing is under way."""
        self.current = None
        self.in_flight = self.only_waits = False

    async def aclose(self, deadline_s: float) -> None:
        """Wait for the last record, but not longer than the deadline, and close the connection."""
        await self._last_record.give_up(max(deadline_s, RECORDED_WITHIN_S))
        await self._connection.aclose()

    async def _step(self, callback: OwedCallback, body: bytes) -> OwedCallback | None:
        """Wait until the next attempt may begin, and make it; returns what is still owed."""
        if self._stopping:
            raise LaneRests
        self.only_waits = True
        await self._wait_until_due(callback)
        await self._parts.attempts.until_free(self._key.receiver)
        if self._standing.paused and not self._is_expired(callback):
            await self.settle()
            raise LaneRests
        if not await self._is_still_owed(callback):
            return None
        try:
            return await self._try(callback, body)
        finally:
            self.in_flight = False

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
            LaneRests: the lane is paused now.
        """
        if self._is_expired(callback):
            self._begun()
            hours = self._parts.expires_after.total_seconds() / 3600
            await self._last_record.write(expiry_of(callback, self._parts.now(), hours))
            return None
        tried = await self._parts.attempts.make(
            callback, body, self._connection, proven=self._key.whole in self._parts.proven, begun=self._begun
        )
        prompt = isinstance(tried.outcome, Reply) and tried.ended_at - tried.attempted_at < PROMPT_WITHIN
        self._parts.proven.judge(self._key.whole, prompt=prompt)
        step = self._standing.decide(callback, tried)
        attempt = record_of(callback, tried, next_attempt_at(step))
        failpoints.reached("after_answer_before_record")
        await self._last_record.write(attempt)
        await self._standing.follow(step, tried)
        if isinstance(step, PauseLane | PauseReceiver):
            raise LaneRests
        if attempt.next_attempt_at is None:
            return None
        return replace(callback, attempts=attempt.attempt_number, next_attempt_at=attempt.next_attempt_at)

    def _begun(self) -> None:
        self.only_waits = False
        self.in_flight = True
        self.last_used_at = self._parts.now()
