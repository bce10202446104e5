"""Delivering callbacks: a lane for each receiver, attempts, retries, and the record of every attempt.

A dead, slow or hanging receiver delays nobody but itself. A retry is a due time in the request's row, so a
restart goes on where the last process stopped.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from src import crash_points
from src.errors import DatabaseAway, ForbiddenCallbackUrl
from src.services.backoff import Backoff
from src.services.callback_client import Failure, Reply
from src.services.callback_message import message_body, message_id
from src.services.callback_url import CallbackUrl
from src.services.delivery_lane import DeliveryLane
from src.services.delivery_pace import DeliveryPace
from src.services.delivery_slots import DeliverySlots
from src.services.group_commit import GroupCommit
from src.services.records import Attempt, OwedCallback, Pause
from src.services.request_store import RequestStore
from src.services.retry_schedule import Outcome, longest_wait_s, may_be_retried, next_wait_s, succeeded
from src.services.webhook_signing import Signer

#: Lanes in memory at most; the receivers beyond wait in the table until a lane is done.
LANES_MAX = 2_000
ATTEMPTS_IN_ONE_TRANSACTION_MAX = 256
SWEEP_EVERY_S = 5.0
#: A connection that was not used for so long is closed, and the lane forgotten.
LANE_IDLE_MAX_S = 15.0
#: A callback whose report is older is looked up again before it is sent: it may have been deleted.
LOOKED_UP_AGAIN_AFTER = timedelta(seconds=1)
#: After so many callbacks in a row that used up their attempts a receiver is paused.
PAUSED_AFTER_USED_UP = 5
PROBE_WAIT_MAX_S = 300.0
PROBE_WAIT_DOUBLINGS_MAX = 16
#: Who answers within this time is sure of a slot the next time.
PROMPT_WITHIN = timedelta(seconds=2)
USER_AGENT = "financial-report-generator"

log = logging.getLogger(__name__)
T = TypeVar("T")


class Connection(Protocol):
    """A way to one receiver, such as `ReceiverClient`; keeps at most one connection open."""

    async def post(
        self, url: CallbackUrl, headers: Mapping[str, str], body: bytes, *, deadline_s: float
    ) -> Reply | Failure:
        """Send one attempt; whatever the receiver or the network does is an outcome, not an exception."""

    async def aclose(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """How callbacks are sent.

    Args:
        base_url: what links in the body start with.
        retry_delays_s: waits before the second, third, … attempt.
        timeout_s: one attempt at most: resolving, connecting, sending and reading.
        probe_after_s: how long a paused receiver is left alone first; each time twice as long.
        expires_after: a callback that is owed for so long is given up.
    """

    base_url: str
    retry_delays_s: tuple[float, ...]
    timeout_s: float
    probe_after_s: float
    expires_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """What one receiver's lane does now."""

    receiver: str
    in_flight: bool
    #: The callback at the head of the lane; null when nothing is under way.
    current: OwedCallback | None
    #: Why and until when it is left alone; null when it is not paused.
    pause: Pause | None
    #: Whether its next attempt is delayed by the pace.
    paced: bool


@dataclass(slots=True)
class _Receiver:
    """What is kept for one receiver while it has something to get."""

    lane: DeliveryLane
    connection: Connection
    last_used_at: datetime
    in_flight: bool = False
    #: Whether it answered promptly the last time.
    proven: bool = False
    #: Callbacks in a row that used up their attempts.
    used_up_in_row: int = 0
    #: Set when somebody ended its pause.
    resumed: asyncio.Event = field(default_factory=asyncio.Event)
    #: The record of the last attempt, while it is being committed.
    recording: asyncio.Task[None] | None = None


class CallbackSender:
    """Sends what is owed. Belongs to the worker's event loop.

    Args:
        store: the statements, on that loop.
        connect: opens the way to a receiver, scheme, host and port; nothing is dialled before the first attempt.
        check_url: the rules for callback URLs, told whether a benchmark asks; settings may have changed since the
            URL was accepted.
        locate: the address a URL leads to, as text, for the limit on attempts to one address.
        signer: signs each attempt.
        rules: how callbacks are sent.
        now: the time, aware UTC, never going back.
        pace: how many attempts may go to one receiver or address in a time.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        *,
        store: RequestStore,
        connect: Callable[[str], Connection],
        check_url: Callable[[str, bool], CallbackUrl],
        locate: Callable[[CallbackUrl], Awaitable[str]],
        signer: Signer,
        rules: DeliveryRules,
        now: Callable[[], datetime],
        pace: DeliveryPace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._connect = connect
        self._check_url = check_url
        self._locate = locate
        self._signer = signer
        self._rules = rules
        self._now = now
        self._sleep = sleep
        #: How many attempts are under way; may be read from any thread.
        self.in_flight = 0
        self._receivers: dict[str, _Receiver] = {}
        self._pauses: dict[str, Pause] = {}
        self._pace = pace or DeliveryPace(None)
        self._slots = DeliverySlots(self._pace)
        self._records = GroupCommit(store.record_attempts, items_max=ATTEMPTS_IN_ONE_TRANSACTION_MAX)

    async def prepare(self) -> None:
        """Read which receivers are paused; before anything is offered."""
        self._pauses = {pause.receiver: pause for pause in await self._store.pauses()}

    def offer(self, callbacks: Iterable[OwedCallback]) -> None:
        """Send callbacks whose results were committed just now, in order."""
        for callback in callbacks:
            if receiver := self._receiver(callback.receiver):
                receiver.lane.offer(callback)

    def look_again(self, receiver: str) -> None:
        """Send what the table holds for a receiver: a callback is to be redelivered."""
        if known := self._receiver(receiver):
            known.lane.look_again()

    async def read_pause(self, receiver: str) -> None:
        """Find out whether somebody ended the pause of a receiver."""
        still_paused = {pause.receiver for pause in await self._store.pauses()}
        if receiver in self._pauses and receiver not in still_paused:
            self._go_on(receiver)

    async def lanes(self) -> list[LaneState]:
        """Look at every receiver that has something to get."""
        return [
            LaneState(
                receiver=name,
                in_flight=receiver.in_flight,
                current=receiver.lane.current,
                pause=self._pauses.get(name),
                paced=name in self._pace.delayed,
            )
            for name, receiver in self._receivers.items()
            if receiver.lane.busy
        ]

    async def run(self) -> None:
        """Find what nobody offered, owed from before or from elsewhere: now and every few seconds."""
        while True:
            await self._sweep()
            await self._sleep(SWEEP_EVERY_S)

    async def aclose(self, deadline_s: float) -> None:
        """Let attempts under way end, but not longer than the deadline; what is not recorded stays owed."""
        lanes = [receiver.lane for receiver in self._receivers.values() if not receiver.in_flight]
        await asyncio.gather(*(lane.stop() for lane in lanes))
        under_way = [receiver.lane for receiver in self._receivers.values()]
        await asyncio.gather(*(lane.stop(deadline_s) for lane in under_way))
        await asyncio.gather(*map(self._settle, self._receivers.values()), return_exceptions=True)
        for receiver in self._receivers.values():
            await receiver.connection.aclose()

    # --- receivers -------------------------------------------------------------------------------------------

    def _receiver(self, name: str) -> _Receiver | None:
        """Find or open a receiver; None when there are too many, and then a sweep comes back to it."""
        receiver = self._receivers.get(name)
        if receiver is None and len(self._receivers) < LANES_MAX:
            lane = DeliveryLane(name, load=self._load, deliver=self._deliver)
            receiver = self._receivers[name] = _Receiver(lane, self._connect(name), self._now())
        return receiver

    async def _sweep(self) -> None:
        for name in await self._store.receivers_owed(LANES_MAX):
            receiver = self._receiver(name)
            if receiver is not None and not receiver.lane.busy:
                receiver.lane.look_again()
        await self._forget_idle_receivers()

    async def _forget_idle_receivers(self) -> None:
        idle_since = self._now() - timedelta(seconds=LANE_IDLE_MAX_S)
        for name, receiver in list(self._receivers.items()):
            if not receiver.lane.busy and receiver.last_used_at < idle_since:
                del self._receivers[name]
                await receiver.connection.aclose()

    async def _load(self, receiver: str, limit: int) -> list[OwedCallback]:
        # What is sent and not yet recorded still stands in the table as owed.
        await self._settle(self._receivers[receiver])
        return await self._persistently(lambda: self._store.owed(receiver, limit))

    # --- one callback ----------------------------------------------------------------------------------------

    async def _deliver(self, callback: OwedCallback) -> None:
        """Try until a receiver acknowledges, the attempts are used up, or nobody wants it any more."""
        body = message_body(callback, self._rules.base_url)
        next_callback: OwedCallback | None = callback
        while next_callback is not None:
            callback = next_callback
            await self._wait_until_due(callback)
            await self._pace.until_free(callback.receiver)
            fresh = self._now() - callback.finished.completed_at < LOOKED_UP_AGAIN_AFTER
            if not fresh and not await self._is_still_owed(callback):
                return
            attempt = await self._try_and_record(callback, body)
            next_callback = _after(callback, attempt)
            self._receivers[callback.receiver].lane.current = next_callback

    async def _try_and_record(self, callback: OwedCallback, body: bytes) -> Attempt:
        """Make an attempt; until it is recorded it counts as under way, so that a stop waits for the record too.

        The record of a success is committed while the next callback is sent: a lane would otherwise wait as long
        for the database as for its receiver. A crash in between sends both again, in order.
        """
        receiver = self._receivers[callback.receiver]
        try:
            attempt = await self._attempt(receiver, callback, body)
            crash_points.reached("after_answer_before_record")
            await self._settle(receiver)
            receiver.recording = asyncio.create_task(self._record(attempt))
            if not attempt.success:
                await self._settle(receiver)
        finally:
            receiver.in_flight = False
        return attempt

    async def _settle(self, receiver: _Receiver) -> None:
        """Wait until everything that was sent is recorded.

        Raises:
            LeadershipLost: another process sends what is owed.
        """
        if recording := receiver.recording:
            await asyncio.shield(recording)
            if receiver.recording is recording:
                receiver.recording = None

    async def _wait_until_due(self, callback: OwedCallback) -> None:
        """Wait for the retry or the probe, but not beyond the expiry, nor beyond the end of a pause."""
        due = [callback.next_attempt_at] if callback.next_attempt_at else []
        longest_s = longest_wait_s(self._rules.retry_delays_s)
        if pause := self._pauses.get(callback.receiver):
            due.append(pause.next_probe_at)
            longest_s = PROBE_WAIT_MAX_S
        if not due:
            return
        until = min(max(due), self._expires_at(callback), self._now() + timedelta(seconds=longest_s))
        resumed = self._receivers[callback.receiver].resumed
        resumed.clear()
        # The loop's clock is coarser than ours: it may wake us a moment too early.
        while (wait_s := (until - self._now()).total_seconds()) > 0 and not resumed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await resumed.wait()

    def _expires_at(self, callback: OwedCallback) -> datetime:
        return callback.owed_since + self._rules.expires_after

    async def _attempt(self, receiver: _Receiver, callback: OwedCallback, body: bytes) -> Attempt:
        if self._now() >= self._expires_at(callback):
            return self._expired(callback)
        address = await self._address(callback)
        async with self._slots.slot(callback.receiver, address, proven=receiver.proven):
            receiver.in_flight = True
            self.in_flight += 1
            receiver.last_used_at = attempted_at = self._now()
            crash_points.reached("mid_attempt")
            try:
                outcome = await self._post(receiver.connection, callback, body)
            finally:
                self.in_flight -= 1
        receiver.proven = isinstance(outcome, Reply) and self._now() - attempted_at < PROMPT_WITHIN
        return await self._judge(callback, attempted_at, outcome)

    def _expired(self, callback: OwedCallback) -> Attempt:
        """Give up without another try; the log says so as if it were one."""
        hours = self._rules.expires_after.total_seconds() / 3600
        return Attempt(
            request_id=callback.request_id,
            attempt_number=callback.attempts + 1,
            attempted_at=self._now(),
            response_time_ms=0,
            status_code=None,
            success=False,
            error_code="expired",
            error_message=f"not sent: it was owed for {hours:g} hours",
        )

    async def _address(self, callback: OwedCallback) -> str:
        try:
            return await self._locate(self._check_url(callback.callback_url, callback.benchmark))
        except ForbiddenCallbackUrl:
            return callback.receiver  # nothing will be dialled

    async def _post(self, connection: Connection, callback: OwedCallback, body: bytes) -> Outcome:
        # The signature's time is the wall clock's: the receiver compares it with its own.
        signature = self._signer.headers(message_id(callback.request_id), int(time.time()), body)
        headers = {"content-type": "application/json", "user-agent": USER_AGENT, **signature}
        try:
            url = self._check_url(callback.callback_url, callback.benchmark)
            return await connection.post(url, headers, body, deadline_s=self._rules.timeout_s)
        except ForbiddenCallbackUrl as error:
            return Failure("blocked_address", error.detail)
        except Exception:
            log.exception("An attempt failed in a way that is not foreseen.")
            return Failure("internal_error", "the attempt failed on our side")

    async def _judge(self, callback: OwedCallback, attempted_at: datetime, outcome: Outcome) -> Attempt:
        """Make the one record of an attempt: the log row, the log line and the next due time come from it."""
        ended_at = self._now()
        wait_s = await self._next_wait_s(callback, outcome, ended_at)
        return Attempt(
            request_id=callback.request_id,
            attempt_number=callback.attempts + 1,
            attempted_at=attempted_at,
            response_time_ms=round((ended_at - attempted_at).total_seconds() * 1000),
            success=succeeded(outcome),
            next_attempt_at=None if wait_s is None else ended_at + timedelta(seconds=wait_s),
            **_told(outcome),
        )

    async def _next_wait_s(self, callback: OwedCallback, outcome: Outcome, now: datetime) -> float | None:
        """Decide about the callback and, with it, about its receiver."""
        receiver = self._receivers[callback.receiver]
        if not may_be_retried(outcome):  # it answered, be it with a refusal: it is there
            receiver.used_up_in_row = 0
            if callback.receiver in self._pauses:
                await self._persistently(lambda: self._store.resume(callback.receiver))
                self._go_on(callback.receiver)
            return None
        if pause := self._pauses.get(callback.receiver):
            return await self._pause(callback.receiver, pause.paused_at, pause.probes + 1)
        in_series = callback.attempts + 1 - callback.series_start
        chance = random.random()  # noqa: S311  spreads load; guards nothing
        wait_s = next_wait_s(outcome, in_series, self._rules.retry_delays_s, now=now, chance=chance)
        if wait_s is None:
            receiver.used_up_in_row += 1
            if receiver.used_up_in_row >= PAUSED_AFTER_USED_UP:
                await self._pause(callback.receiver, now, 0)
        return wait_s

    async def _pause(self, receiver: str, since: datetime, probes: int) -> float:
        """Leave a receiver alone until its next probe; returns the wait in seconds."""
        doublings = min(probes, PROBE_WAIT_DOUBLINGS_MAX)
        wait_s: float = min(self._rules.probe_after_s * 2**doublings, PROBE_WAIT_MAX_S)
        pause = Pause(
            receiver=receiver,
            paused_at=since,
            reason=f"{PAUSED_AFTER_USED_UP} callbacks in a row used up their attempts.",
            probes=probes,
            next_probe_at=self._now() + timedelta(seconds=wait_s),
        )
        self._pauses[receiver] = pause
        await self._persistently(lambda: self._store.pause(pause))
        if not probes:
            log.warning("Callbacks to a receiver are paused: %s", pause.reason)
        return wait_s

    def _go_on(self, receiver: str) -> None:
        del self._pauses[receiver]
        log.info("Callbacks to a receiver go on.")
        if known := self._receivers.get(receiver):
            known.used_up_in_row = 0
            known.resumed.set()

    async def _record(self, attempt: Attempt) -> None:
        log.log(
            logging.DEBUG if attempt.success else logging.INFO,
            "callback attempt %d for %s: %s in %d ms",
            attempt.attempt_number,
            attempt.request_id,
            attempt.status_code or attempt.error_code,
            attempt.response_time_ms,
        )
        await self._persistently(lambda: self._records.submit(attempt))
        crash_points.reached("after_record_commit")

    async def _persistently(self, change: Callable[[], Awaitable[T]]) -> T:
        """Make a change that is safe to repeat, as often as it takes until the database answers."""
        backoff = Backoff(self._sleep)
        while True:
            try:
                return await change()
            except DatabaseAway:
                await backoff.wait()

    async def _is_still_owed(self, callback: OwedCallback) -> bool:
        try:
            return await self._store.still_owed(callback.request_id)
        except DatabaseAway:
            return True  # an attempt too many is better than one too few


def _told(outcome: Outcome) -> dict[str, Any]:
    """What an outcome says in the callback log."""
    if isinstance(outcome, Failure):
        return {"status_code": None, "error_code": outcome.error_code, "error_message": outcome.message}
    told: dict[str, Any] = {"status_code": outcome.status_code, "response_excerpt": _text(outcome.body_excerpt)}
    if not succeeded(outcome):
        told["error_code"] = "bad_status"
        told["error_message"] = f"The receiver answered {outcome.status_code}."
    return told


def _text(excerpt: bytes) -> str | None:
    """Make text of what a receiver sent; PostgreSQL stores no NUL."""
    return excerpt.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}") or None


def _after(callback: OwedCallback, attempt: Attempt) -> OwedCallback | None:
    """What is still owed after an attempt."""
    if attempt.next_attempt_at is None:
        return None
    return replace(callback, attempts=attempt.attempt_number, next_attempt_at=attempt.next_attempt_at)
