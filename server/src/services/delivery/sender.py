"""Delivering callbacks: which lanes are open, when the others are looked at, and how all of them stop.

A dead, slow or hanging receiver delays nobody but itself. A retry is a due time in the request's row, so a
restart goes on where the last process stopped.

    offered, swept, due ──▶ CallbackSender ──a place──▶ DeliveryLane ──▶ CallbackAttempts ──▶ receiver
                            pauses, agenda                 │ decision, record ──▶ table
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from src.errors import DatabaseAway
from src.services.delivery.attempt_records import STATEMENTS_MAX, AttemptRecords
from src.services.delivery.attempts import CallbackAttempts, Connection
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.decision import PROBE_WAIT_MAX_S, RetryRules
from src.services.delivery.lane import DeliveryLane
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.lane_sweep import LaneSweep
from src.services.delivery.open_lanes import OpenLanes
from src.services.delivery.pace import DeliveryPace
from src.services.delivery.pauses import Pauses, Streaks
from src.services.delivery.places import LanePlaces
from src.services.delivery.proven import ProvenLanes
from src.services.delivery.schedule import longest_wait_s
from src.services.delivery.signing import Signer
from src.services.identity.caller import Owner
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.outbound.callback_url import CallbackUrl, Policy
from src.services.requests.observers import Observers
from src.services.requests.records import EVERY, LaneKey, OwedCallback, OwedLane, Pause
from src.services.requests.store import RequestStore

SWEEP_EVERY_S = 5.0
#: Callbacks of all lanes that are looked up in one statement before they are tried again.
LOOKED_UP_TOGETHER_MAX = 256
#: News, such as places that became free, is gathered for so long.
WOKEN_AFTER_S = 0.02
#: Where lanes wait for a place, it is tried again and again whether one that sends may be moved out by now.
PLACES_FILLED_EVERY = timedelta(seconds=0.25)
#: A connection that was not used for so long is closed, and the lane forgotten.
LANE_IDLE_MAX = timedelta(seconds=15)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """How callbacks are sent.

    Args:
        base_url: what links in the body start with.
        retry_delays_s: waits before the second, third, … attempt.
        timeout_s: one attempt at most: resolving, connecting, sending and reading.
        probe_after_s: how long what is paused is left alone first; each time twice as long.
        expires_after: the age at which an undelivered callback is given up.
    """

    base_url: str
    retry_delays_s: tuple[float, ...]
    timeout_s: float
    probe_after_s: float
    expires_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """What one lane does now."""

    key: LaneKey
    in_flight: bool = False
    #: The callback at the head of the lane; null when nothing is under way.
    current: OwedCallback | None = None
    #: Why and until when it is left alone; null when it is not paused.
    pause: Pause | None = None
    #: Whether its next attempt is delayed by the pace.
    paced: bool = False
    #: What keeps it from going on, on our side; null when nothing does.
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """Who waits or is in trouble."""

    lanes: int
    #: Lanes that wait for a place among those that send.
    waiting_for_place: int
    #: Attempts that wait for a slot.
    waiting_for_slot: int
    #: What lanes in trouble say, and how many they are.
    troubles: tuple[str, ...]


class CallbackSender:
    """Sends what is owed. Belongs to the worker's event loop.

    Args:
        store: the statements, on that loop.
        connect: opens the way to a receiver, scheme, host and port; nothing is dialled before the first attempt.
        policy_of: where an owner may be called back; settings may have changed since the URL was accepted.
        locate: the address a URL leads to, as text, for the limit on attempts to one address.
        signer: signs each attempt.
        rules: how callbacks are sent.
        now: the time, aware UTC, never going back.
        observers: told what happens.
        pace: how many attempts may go to one receiver or address in a time.
        sleep: waits for a number of seconds.
        places: who may have a lane in memory.
    """

    def __init__(
        self,
        *,
        store: RequestStore,
        connect: Callable[[str], Connection],
        policy_of: Callable[[Owner], Policy],
        locate: Callable[[CallbackUrl], Awaitable[str]],
        signer: Signer,
        rules: DeliveryRules,
        now: Callable[[], datetime],
        observers: Observers = Observers(),  # noqa: B008  frozen
        pace: DeliveryPace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        places: LanePlaces | None = None,
    ) -> None:
        self._now = now
        self._pace = pace or DeliveryPace(None)
        self._slots = DeliverySlots(self._pace)
        self._attempts = CallbackAttempts(
            policy_of=policy_of, locate=locate, signer=signer, slots=self._slots, timeout_s=rules.timeout_s, now=now
        )
        self._pauses = Pauses(store, now)
        self._parts = _shared(store, self._attempts, self._pauses, rules, observers, now=now, sleep=sleep)
        self._wake = asyncio.Event()
        self._lanes = OpenLanes(
            self._parts, connect, LanePlaces(now) if places is None else places, on_change=self._wake.set
        )
        self._sweeper = LaneSweep(store)
        self._pauses_to_read: set[str] = set()
        self._trouble: str | None = None

    @property
    def in_flight(self) -> int:
        """How many attempts are under way; may be read from any thread."""
        return self._attempts.in_flight

    async def prepare(self) -> None:
        """Read what is paused; before anything is offered."""
        await self._pauses.load()
        for pause in self._pauses:
            if pause.caller:
                self._lanes.agenda.add(LaneKey(pause.caller, pause.receiver), pause.next_probe_at)

    def offer(self, callbacks: Iterable[OwedCallback]) -> None:
        """Send callbacks whose results were committed just now, in order."""
        for callback in callbacks:
            lane = self._lanes.get(callback.lane)
            if (lane is None or not lane.busy) and not self._lanes.waits_for_place(callback.lane):
                lane = self._lanes.open(callback.lane)
            if lane is not None:
                lane.offer(callback)

    def look_again(self, lane: LaneKey) -> None:
        """Send what the table holds for a lane: a callback is to be redelivered."""
        self._lanes.look_again([lane])

    def pauses_changed(self, receivers: Collection[str]) -> None:
        """Handle a notice that pauses of receivers may have been ended, or their probes hurried."""
        self._pauses_to_read.update(receivers)
        self._wake.set()

    async def lanes(self) -> list[LaneState]:
        """Look at every lane that has something to send; those in trouble first, those that are paused last."""
        busy = [self._state_of(lane) for lane in self._lanes if lane.busy]
        busy.sort(key=lambda state: state.trouble is None)
        open_lanes = {state.key.whole for state in busy}
        paused = [LaneKey(pause.caller, pause.receiver) for pause in self._pauses if pause.caller]
        paused += [key.whole for key in self._lanes.agenda if self._pauses.of(key).receiver]
        return busy + [
            LaneState(key=key._replace(sequence=EVERY), pause=self._pauses.longest(key))
            for key in dict.fromkeys(paused)
            if key not in open_lanes
        ]

    def state(self) -> DeliveryState:
        """Look at who waits; from any thread, and so a moment late."""
        lanes = list(self._lanes)
        return DeliveryState(
            lanes=len(lanes),
            waiting_for_place=self._lanes.waiting,
            waiting_for_slot=self._slots.waiting,
            troubles=tuple(filter(None, (self._trouble, *(lane.trouble for lane in lanes)))),
        )

    async def run(self) -> None:
        """Find what nobody offered, owed from before or from elsewhere: now, every few seconds, and when it is due.

        Raises:
            Exception: whatever keeps it from looking; call again.
        """
        try:
            while True:
                await self._sweep()
                self._trouble = None
                await self._look_until(self._now() + timedelta(seconds=SWEEP_EVERY_S))
        except DatabaseAway:
            raise
        except Exception as error:
            self._trouble = f"A fault in the service: {type(error).__name__}."
            raise

    async def aclose(self, deadline_s: float) -> None:
        """Let attempts under way end, but not longer than the deadline; what is not recorded stays owed."""
        await self._lanes.aclose(deadline_s)

    def _state_of(self, lane: DeliveryLane) -> LaneState:
        return LaneState(
            key=lane.key,
            in_flight=lane.delivery.in_flight,
            current=lane.delivery.current,
            pause=self._pauses.longest(lane.key),
            paced=lane.key.receiver in self._pace.delayed,
            trouble=lane.trouble,
        )

    async def _look_until(self, sweep_at: datetime) -> None:
        """Until the next sweep look at what becomes due, at places that become free, and at pauses that change."""
        while (now := self._now()) < sweep_at:
            due_at = min(sweep_at, self._lanes.agenda.next_at() or sweep_at)
            if self._lanes.waiting:
                due_at = min(due_at, now + PLACES_FILLED_EVERY)
            with suppress(TimeoutError):
                async with asyncio.timeout(max((due_at - now).total_seconds(), 0)):
                    await self._wake.wait()
                    await asyncio.sleep(WOKEN_AFTER_S)
            self._wake.clear()
            await self._read_pauses()
            self._lanes.look_again(self._lanes.agenda.take_due(self._now()))
            self._lanes.fill_places()

    async def _read_pauses(self) -> None:
        if self._pauses_to_read:
            receivers = frozenset(self._pauses_to_read)
            await self._pauses.read_again(receivers)
            self._pauses_to_read -= receivers
            self._lanes.look_again(self._lanes.agenda.take_receivers(receivers))

    async def _sweep(self) -> None:
        await self._read_pauses()
        for owed in await self._sweeper.look():
            self._look_at(owed)
        for pause in self._pauses.unused():
            await self._pauses.end(pause)
        self._lanes.forget_idle(self._now() - LANE_IDLE_MAX)
        self._lanes.fill_places()

    def _look_at(self, owed: OwedLane) -> None:
        if self._lanes.waits_for_place(owed.key):
            return
        now, due_at = self._now(), owed.next_attempt_at or self._now()
        # One that is due later than anybody decides on comes of a clock that was set: the lane waits as long as it may.
        latest = now + timedelta(seconds=max(longest_wait_s(self._parts.retries.delays_s), PROBE_WAIT_MAX_S))
        lane = self._lanes.get(owed.key)
        if lane is None and now + timedelta(seconds=SWEEP_EVERY_S) < due_at < latest:
            self._lanes.agenda.add(owed.key, due_at)
        elif lane is None or not lane.busy:
            self._lanes.look_again([owed.key], expired=owed.owed_since + self._parts.expires_after <= now)


def _shared(
    store: RequestStore,
    attempts: CallbackAttempts,
    pauses: Pauses,
    rules: DeliveryRules,
    observers: Observers,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
) -> LaneParts:
    """Make what all lanes share."""
    return LaneParts(
        store=store,
        attempts=attempts,
        records=AttemptRecords(store.record_attempts),
        observers=observers,
        pauses=pauses,
        streaks=Streaks(),
        proven=ProvenLanes(),
        turns=Bulkhead(STATEMENTS_MAX),
        still_owed=GroupCommit(store.still_owed, items_max=LOOKED_UP_TOGETHER_MAX),
        retries=RetryRules(delays_s=rules.retry_delays_s, probe_after_s=rules.probe_after_s),
        base_url=rules.base_url,
        expires_after=rules.expires_after,
        now=now,
        sleep=sleep,
    )
