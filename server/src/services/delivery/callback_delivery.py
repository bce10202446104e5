"""Delivery of single callbacks of a lane: waiting until due, checking for deletion, attempts and their records."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from src import failpoints
from src.services.delivery.attempt_records import LastRecord, Persistence
from src.services.delivery.attempts import Connection, expiry_of, record_of
from src.services.delivery.cancellations import SEEN_OWED_FOR
from src.services.delivery.decision import PauseLane, PauseReceiver, next_attempt_at
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.lane_standing import LaneStanding
from src.services.delivery.schedule import longest_wait_s
from src.services.outbound.client import Reply
from src.services.requests.records import LaneKey, OwedCallback

#: A receiver that responds within this time may use the slots reserved for prompt ones next time.
PROMPT_WITHIN = timedelta(seconds=2)
#: Minimum time that closing a lane waits for the record of its last attempt.
RECORDED_WITHIN_S = 4.0


class LaneRests(Exception):
    """The lane has nothing to do for now: it is paused, or is being closed."""


class CallbackDelivery:
    """Delivers the callbacks of one lane, one after the other. Owns the connection and the record of the last attempt.

    Args:
        key: identifies the lane.
        parts: shared by all lanes.
        connection: the client of the receiver; it connects at the first attempt.
        standing: the lane's probes and failure streaks.
        persistence: the lane's access to the database.
    """

    def __init__(
        self, key: LaneKey, parts: LaneParts, connection: Connection, standing: LaneStanding, persistence: Persistence
    ) -> None:
        #: The callback being delivered or waiting for its next attempt.
        self.current: OwedCallback | None = None
        #: Whether an attempt is in flight or being recorded.
        self.in_flight = False
        #: Whether it is only waiting: for a due time, the rate limit or a slot.
        self.only_waits = False
        self.last_used_at = parts.now()
        self._key = key
        self._parts = parts
        self._connection = connection
        self._standing = standing
        self._persistence = persistence
        self._last_record = LastRecord(parts.records, persistence, parts.observers)
        self._stopping = False
        self._waiting: asyncio.Task[None] | None = None

    @property
    def recorded(self) -> bool:
        """Whether the last attempt has been recorded."""
        return self._last_record.written

    async def settle(self) -> None:
        """Wait until the last attempt has been recorded.

        Raises:
            LeadershipLost: another process has become the leader.
        """
        await self._last_record.settle()

    async def deliver(self, callback: OwedCallback) -> None:
        """Attempt delivery until the receiver acknowledges, the attempts are used up, or the request is deleted.

        Raises:
            LaneRests: the lane is paused, or is being closed.
            Exception: a local failure; the callback stays undelivered in the table.
        """
        self.current = callback
        try:
            while self.current is not None:
                self.current = await self._step(self.current)
        finally:
            self.only_waits = False

    def look_at_cancellations(self) -> None:
        """Wait no longer for the retry of a callback that was cancelled."""
        if self._waiting and self.current and self.current in self._parts.cancellations:
            self._waiting.cancel()

    def stop(self) -> None:
        """Start no further attempt."""
        self._stopping = True

    def reset(self) -> None:
        """Forget the current callback, after the lane's task has ended."""
        self.current = None
        self.in_flight = self.only_waits = False

    async def aclose(self, deadline_s: float) -> None:
        """Wait for the last record, up to the deadline, and close the connection."""
        await self._last_record.give_up(max(deadline_s, RECORDED_WITHIN_S))
        await self._connection.aclose()

    async def _step(self, callback: OwedCallback) -> OwedCallback | None:
        """Wait for the next attempt and make it; returns the callback if it is still undelivered."""
        if self._stopping:
            raise LaneRests
        self.only_waits = True
        await self._wait_until_due(callback)
        await self._parts.attempts.until_free(self._key.receiver)
        if self._standing.paused and not self._is_expired(callback):
            await self.settle()
            raise LaneRests
        try:
            return await self._try(callback)
        finally:
            self.in_flight = False

    async def _wait_until_due(self, callback: OwedCallback) -> None:
        """Wait until the retry is due, but not past the expiry; a probe does not wait."""
        if callback.next_attempt_at is None or self._standing.probing:
            return
        longest = timedelta(seconds=longest_wait_s(self._parts.retries.delays_s))
        until = min(callback.next_attempt_at, self._expires_at(callback), self._parts.now() + longest)
        # The loop's clock is coarser than ours: it may wake us a moment too early.
        while callback not in self._parts.cancellations and (wait_s := (until - self._parts.now()).total_seconds()) > 0:
            self._waiting = asyncio.ensure_future(self._parts.sleep(wait_s))
            try:
                await asyncio.wait([self._waiting])
            finally:
                self._waiting.cancel()
                self._waiting = None

    async def _may_begin(self, callback: OwedCallback) -> bool:
        """Return whether the callback is still owed; where its row was not seen to say so just now, look at it."""
        seen_at = callback.seen_at or callback.ended_at
        while callback not in self._parts.cancellations:
            if timedelta() <= self._parts.now() - seen_at < SEEN_OWED_FOR:
                self._begun()
                return True
            seen_at = self._parts.now()
            callback = replace(callback, seen_at=seen_at)
            if not await self._persistence.retry(partial(self._parts.still_owed.submit, callback.request_id)):
                return False
        return False

    def _expires_at(self, callback: OwedCallback) -> datetime:
        return callback.owed_since + self._parts.expires_after

    def _is_expired(self, callback: OwedCallback) -> bool:
        return self._parts.now() >= self._expires_at(callback)

    async def _try(self, callback: OwedCallback) -> OwedCallback | None:
        """Make an attempt and record it; returns the callback if it is still undelivered.

        Until it is recorded it counts as in flight, so that a shutdown waits for the record too.

        Raises:
            LaneRests: the lane has been paused.
        """
        if self._is_expired(callback):
            if not await self._may_begin(callback):
                return None
            hours = self._parts.expires_after.total_seconds() / 3600
            await self._last_record.write(expiry_of(callback, self._parts.now(), hours))
            return None
        tried = await self._parts.attempts.make(
            callback,
            self._connection,
            proven=self._key.whole in self._parts.proven,
            may_begin=partial(self._may_begin, callback),
        )
        if tried is None:
            return None
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
