"""Delivers callbacks: opens lanes, checks the others when they are due, and shuts all of them down.

A dead, slow or hanging receiver only delays its own callbacks. A retry is a due time in the request's row, so delivery
continues after a restart.

    offered, swept, due ──▶ CallbackSender ──a place──▶ DeliveryLane ──▶ CallbackAttempts ──▶ receiver
                            pauses, agenda                 │ decision, record ──▶ table
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from src.errors import DatabaseAway
from src.services.delivery.attempt_records import STATEMENTS_MAX, AttemptRecords
from src.services.delivery.attempts import AttemptRules, CallbackAttempts, Connection
from src.services.delivery.callback_table import CallbackTable
from src.services.delivery.cancellations import Cancellations
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.decision import PROBE_WAIT_MAX_S, RetryRules
from src.services.delivery.due_batches import DueBatches
from src.services.delivery.lane import DeliveryLane
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.lane_sweep import LaneSweep
from src.services.delivery.open_lanes import OpenLanes
from src.services.delivery.pace import DeliveryPace
from src.services.delivery.pauses import Pauses, Streaks
from src.services.delivery.places import LanePlaces
from src.services.delivery.proven import ProvenLanes
from src.services.delivery.schedule import longest_wait_s
from src.services.delivery.signers import Signers
from src.services.identity.caller import Owner
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.outbound.callback_url import CallbackUrl, Policy
from src.services.requests.batch_callbacks import BatchCallbacks
from src.services.requests.observers import Observers
from src.services.requests.records import EVERY, LaneKey, OwedCallback, OwedLane, Pause
from src.services.requests.store import RequestStore

SWEEP_EVERY_S = 5.0
#: Callbacks of all lanes per statement that checks whether they are still to be delivered.
LOOKED_UP_TOGETHER_MAX = 256
#: Wake-ups, such as for released places, are coalesced for this time.
WOKEN_AFTER_S = 0.02
#: While lanes wait for a place, the interval of attempts to evict another.
PLACES_FILLED_EVERY = timedelta(seconds=0.25)
#: A lane that has been idle for this time is closed, with its connection.
LANE_IDLE_MAX = timedelta(seconds=15)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRules:
    """The settings of delivery.

    Args:
        attempts: those of single attempts.
        retry_delays_s: delays before the second, third, … attempt.
        probe_after_s: delay before the first probe of a pause; doubles with each probe.
        expires_after: the age at which an undelivered callback is given up.
    """

    attempts: AttemptRules
    retry_delays_s: tuple[float, ...]
    probe_after_s: float
    expires_after: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """A snapshot of a lane."""

    key: LaneKey
    in_flight: bool = False
    #: The callback being delivered; None if there is none.
    current: OwedCallback | None = None
    #: Its pause, or that of its receiver; None if it is not paused.
    pause: Pause | None = None
    #: Whether its next attempt is delayed by the rate limit.
    paced: bool = False
    #: The local failure that blocks progress; None if there is none.
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """A snapshot of the sender."""

    lanes: int
    #: Lanes waiting for a place.
    waiting_for_place: int
    #: Attempts waiting for a slot.
    waiting_for_slot: int
    #: Local failures of the sender and of its lanes, one entry each.
    troubles: tuple[str, ...]


class CallbackSender:
    """Delivers callbacks. Belongs to the worker's event loop.

    Args:
        store: the request store of that loop.
        connect: creates the client of a receiver (scheme, host and port); it connects at the first attempt.
        policy_of: returns the callback policy of an owner; it may have changed since the URL was accepted.
        locate: resolves a URL to an address, as text, for the limit per address.
        signers: sign each attempt with the secrets of its account.
        rules: the settings of delivery.
        now: the time, aware UTC, never going back.
        observers: notified of events.
        pace: limits the rate of attempts per receiver and address.
        sleep: waits for a number of seconds.
        places: limits the lanes in memory.
        batches: the callbacks of batches; None: there are none.
    """

    def __init__(
        self,
        *,
        store: RequestStore,
        connect: Callable[[str], Connection],
        policy_of: Callable[[Owner], Policy],
        locate: Callable[[CallbackUrl], Awaitable[str]],
        signers: Signers,
        rules: DeliveryRules,
        now: Callable[[], datetime],
        observers: Observers = Observers(),  # noqa: B008  frozen
        pace: DeliveryPace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        places: LanePlaces | None = None,
        batches: BatchCallbacks | None = None,
    ) -> None:
        self._now = now
        self._pace = pace or DeliveryPace(None)
        self._slots = DeliverySlots(self._pace)
        self._attempts = CallbackAttempts(
            policy_of=policy_of, locate=locate, signers=signers, rules=rules.attempts, slots=self._slots, now=now
        )
        self._pauses = Pauses(store, now)
        self._wake = asyncio.Event()
        self._due_batches = DueBatches(batches, self._wake.set)
        #: Notifies the sender that entries of batches have ended: `batch.completed` may be due.
        self.look_at_batches = self._due_batches.add
        table = CallbackTable(store, batches, self.look_at_batches)
        self._parts = _shared(store, table, self._attempts, self._pauses, rules, observers, now=now, sleep=sleep)
        self._lanes = OpenLanes(
            self._parts, connect, LanePlaces(now) if places is None else places, on_change=self._wake.set
        )
        self._sweeps = [LaneSweep(store)] + ([LaneSweep(batches)] if batches else [])
        self._pauses_to_read: set[str] = set()
        self._trouble: str | None = None

    @property
    def in_flight(self) -> int:
        """Number of attempts in flight; thread-safe."""
        return self._attempts.in_flight

    async def prepare(self) -> None:
        """Load the pauses; must be called before anything is offered."""
        await self._pauses.load()
        for pause in self._pauses:
            if pause.caller:
                self._lanes.agenda.add(LaneKey(pause.caller, pause.receiver), pause.next_probe_at)

    def offer(self, callbacks: Iterable[OwedCallback]) -> None:
        """Enqueue callbacks whose results have just been committed, in order."""
        for callback in callbacks:
            lane = self._lanes.get(callback.lane)
            if (lane is None or not lane.busy) and not self._lanes.waits_for_place(callback.lane):
                lane = self._lanes.open(callback.lane)
            if lane is not None:
                lane.offer(callback)

    def recheck(self, lane: LaneKey) -> None:
        """Notify the sender that the table holds a callback for a lane, such as a redelivery."""
        self._lanes.recheck([lane])

    def cancel(self, request_ids: Collection[UUID]) -> None:
        """Begin no attempt for the callbacks of requests any more: their rows say that they were cancelled."""
        self._parts.cancellations.add(request_ids)
        for lane in self._lanes:
            lane.delivery.look_at_cancellations()

    def pauses_changed(self, receivers: Collection[str]) -> None:
        """Notify the sender that pauses of receivers may have been ended, or their probes brought forward."""
        self._pauses_to_read.update(receivers)
        self._wake.set()

    async def lanes(self) -> list[LaneState]:
        """Return snapshots of lanes with something to send: those in trouble first, paused ones last."""
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
        """Return a snapshot of the sender; thread-safe, and therefore approximate."""
        lanes = list(self._lanes)
        return DeliveryState(
            lanes=len(lanes),
            waiting_for_place=self._lanes.waiting,
            waiting_for_slot=self._slots.waiting,
            troubles=tuple(filter(None, (self._trouble, *(lane.trouble for lane in lanes)))),
        )

    async def run(self) -> None:
        """Find undelivered callbacks that were not offered: by a sweep every few seconds, and when they are due.

        Raises:
            Exception: the search failed; call again.
        """
        try:
            while True:
                await self._sweep()
                self._trouble = None
                await self._watch_until(self._now() + timedelta(seconds=SWEEP_EVERY_S))
        except DatabaseAway:
            raise
        except Exception as error:
            self._trouble = f"Internal error: {type(error).__name__}."
            raise

    async def aclose(self, deadline_s: float) -> None:
        """Close all lanes; attempts in flight may continue up to the deadline. What is unrecorded stays undelivered."""
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

    async def _watch_until(self, sweep_at: datetime) -> None:
        """Until the next sweep, handle lanes that become due, released places, and changed pauses."""
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
            self._lanes.recheck(await self._due_batches.lanes())
            self._lanes.recheck(self._lanes.agenda.take_due(self._now()))
            self._lanes.fill_places()

    async def _read_pauses(self) -> None:
        if self._pauses_to_read:
            receivers = frozenset(self._pauses_to_read)
            await self._pauses.read_again(receivers)
            self._pauses_to_read -= receivers
            self._lanes.recheck(self._lanes.agenda.take_receivers(receivers))

    async def _sweep(self) -> None:
        await self._read_pauses()
        for sweep in self._sweeps:
            for owed in await sweep.next_lanes():
                self._consider(owed)
        for pause in self._pauses.unused():
            await self._pauses.end(pause)
        self._lanes.forget_idle(self._now() - LANE_IDLE_MAX)
        self._lanes.fill_places()

    def _consider(self, owed: OwedLane) -> None:
        if self._lanes.waits_for_place(owed.key):
            return
        now, due_at = self._now(), owed.next_attempt_at or self._now()
        # A due time beyond the longest delay results from a changed clock: the lane limits the wait.
        latest = now + timedelta(seconds=max(longest_wait_s(self._parts.retries.delays_s), PROBE_WAIT_MAX_S))
        lane = self._lanes.get(owed.key)
        if lane is None and now + timedelta(seconds=SWEEP_EVERY_S) < due_at < latest:
            self._lanes.agenda.add(owed.key, due_at)
        elif lane is None or not lane.busy:
            self._lanes.recheck([owed.key], expired=owed.owed_since + self._parts.expires_after <= now)


def _shared(
    store: RequestStore,
    table: CallbackTable,
    attempts: CallbackAttempts,
    pauses: Pauses,
    rules: DeliveryRules,
    observers: Observers,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], Awaitable[None]],
) -> LaneParts:
    """Create the dependencies shared by all lanes."""
    return LaneParts(
        store=store,
        attempts=attempts,
        records=AttemptRecords(table.record),
        observers=observers,
        pauses=pauses,
        streaks=Streaks(),
        proven=ProvenLanes(),
        statement_slots=Bulkhead(STATEMENTS_MAX),
        owed=table.owed,
        still_owed=GroupCommit(store.still_owed, items_max=LOOKED_UP_TOGETHER_MAX),
        cancellations=Cancellations(now),
        retries=RetryRules(delays_s=rules.retry_delays_s, probe_after_s=rules.probe_after_s),
        expires_after=rules.expires_after,
        now=now,
        sleep=sleep,
    )
