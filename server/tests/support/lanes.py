"""Lanes on virtual time, with a table, a receiver and a clock that a test controls."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from src.errors import CannotOpen
from src.services.delivery.attempt_records import STATEMENTS_MAX, AttemptRecords
from src.services.delivery.attempts import AttemptRules, CallbackAttempts
from src.services.delivery.cancellations import Cancellations
from src.services.delivery.concurrency import DeliverySlots
from src.services.delivery.decision import RetryRules
from src.services.delivery.lane import DeliveryLane
from src.services.delivery.lane_parts import LaneParts
from src.services.delivery.pauses import Pauses, Streaks
from src.services.delivery.proven import ProvenLanes
from src.services.delivery.schedule import Outcome
from src.services.delivery.signers import KnownSecrets, Scheme, Signers
from src.services.delivery.signing import Version
from src.services.delivery.webhook_secrets import WebhookSecret
from src.services.kit.bulkhead import Bulkhead
from src.services.kit.group_commit import GroupCommit
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl, parse_origin
from src.services.outbound.client import Failure, Reply
from src.services.report_files.links import ReportLinks
from src.services.requests.observers import Observers
from src.services.requests.records import Attempt, Finished, LaneKey, OwedCallback, OwedLane, OwedReport, Pause
from src.services.requests.store import RequestStore
from tests.support.jobs import LANE, job
from tests.support.virtual_time import VirtualTime

CALLER, RECEIVER, _ = LANE
START = datetime(2026, 1, 31, tzinfo=UTC)
OK = Reply(200, None, b"")
FAULT = Reply(500, None, b"")
NOBODY = Failure("connect_failed", "no connection")


def owed(position: int, lane: LaneKey = LANE, since: datetime = START) -> OwedCallback:
    """A callback that is owed."""
    finished = Finished(request_id=UUID(int=position), completed_at=since, result="{}")
    return OwedReport(job=job(position, lane), finished=finished)


@dataclass
class Table:
    """In-memory replacement for the deliveries in PostgreSQL, with the semantics of the statements; fails on demand."""

    owed_callbacks: dict[UUID, OwedCallback] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    paused: dict[LaneKey, Pause] = field(default_factory=dict)
    #: Statements under way, and the most there were.
    under_way: int = 0
    under_way_max: int = 0
    #: Raised by the statement of this name, the next so many times.
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))

    def add(self, *callbacks: OwedCallback) -> None:
        """Owe callbacks."""
        self.owed_callbacks.update({callback.request_id: callback for callback in callbacks})

    async def _run(self, name: str) -> None:
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if self.faults[name]:
            raise self.faults[name].pop(0)

    async def owed(self, lane: LaneKey, limit: int) -> list[OwedCallback]:
        """Read the head of a lane."""
        await self._run("owed")
        found = [callback for callback in self.owed_callbacks.values() if callback.lane == lane]
        return sorted(found, key=lambda callback: callback.queue_position)[:limit]

    async def callers_owed(self, after: str, limit: int) -> list[str]:
        await self._run("callers_owed")
        return sorted({one.lane.caller for one in self.owed_callbacks.values() if one.lane.caller > after})[:limit]

    async def is_owed(self, lane: LaneKey) -> bool:
        """Return whether anything is owed in any sequence."""
        await self._run("is_owed")
        return any(callback.lane.whole == lane.whole for callback in self.owed_callbacks.values())

    async def lanes_owed(self, after: Mapping[str, tuple[str, str]], limit: int) -> list[OwedLane]:
        """Return lanes, round robin between callers."""
        await self._run("lanes_owed")
        heads: dict[LaneKey, OwedCallback] = {}
        for one in sorted(self.owed_callbacks.values(), key=lambda callback: callback.queue_position):
            if one.lane.caller in after and one.lane[1:] > after[one.lane.caller]:
                heads.setdefault(one.lane, one)
        by_caller: dict[str, list[LaneKey]] = defaultdict(list)
        for lane in sorted(heads):
            by_caller[lane.caller].append(lane)
        taken = sorted(
            (number, lane) for lanes in by_caller.values() for number, lane in enumerate(lanes) if number < limit
        )
        return [
            OwedLane(key=lane, next_attempt_at=heads[lane].next_attempt_at, owed_since=heads[lane].owed_since)
            for _, lane in taken
        ]

    async def still_owed(self, request_ids: Sequence[UUID]) -> list[bool]:
        await self._run("still_owed")
        return [request_id in self.owed_callbacks for request_id in request_ids]

    async def record_attempts(self, attempts: Sequence[Attempt]) -> list[None]:
        await self._run("record_attempts")
        for attempt in attempts:
            self.attempts.append(attempt)
            if attempt.next_attempt_at is None:
                self.owed_callbacks.pop(attempt.request_id, None)
            elif callback := self.owed_callbacks.get(attempt.request_id):
                self.owed_callbacks[attempt.request_id] = replace(
                    callback, attempts=attempt.attempt_number, next_attempt_at=attempt.next_attempt_at
                )
        return [None] * len(attempts)

    async def pauses(self) -> list[Pause]:
        await self._run("pauses")
        return list(self.paused.values())

    async def pauses_of(self, receivers: Collection[str]) -> list[Pause]:
        await self._run("pauses_of")
        return [pause for key, pause in self.paused.items() if key.receiver in receivers]

    async def pause(self, pause: Pause) -> None:
        await self._run("pause")
        self.paused[LaneKey(pause.caller, pause.receiver)] = pause

    async def end_pause(self, pause: Pause) -> None:
        await self._run("end_pause")
        self.paused.pop(LaneKey(pause.caller, pause.receiver), None)


class Far:
    """The receivers and their clients; the test decides responses and latencies."""

    def __init__(self, time: VirtualTime) -> None:
        self.answer: Callable[[int], Outcome] = lambda _number: OK
        self.took_s = 0.0
        #: Paths in the order in which they were called, and how many calls are under way.
        self.called: list[str] = []
        self.under_way = 0
        self.closed = 0
        self._time = time

    def connect(self, _receiver: str) -> "Far":
        """Return a client."""
        return self

    async def post(
        self, url: CallbackUrl, _headers: Mapping[str, str], _body: bytes, *, deadline_s: float
    ) -> Reply | Failure:
        number = len(self.called)
        self.called.append(url.url)
        self.under_way += 1
        try:
            if self.took_s:
                await self._time.sleep(min(self.took_s, deadline_s))
            else:
                await asyncio.sleep(0)
            return self.answer(number)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        self.closed += 1


#: As where no credentials are required.
PLAIN_LINKS = ReportLinks("http://service.test", [b""], None)


async def _no_secrets(accounts: Sequence[str]) -> list[list[WebhookSecret] | CannotOpen]:
    return [CannotOpen("There are none here.") for _ in accounts]


#: Of the unnamed account alone.
UNNAMED_SIGNERS = Signers(
    Scheme(frozenset({Version.V1}), ["whsec_" + "A" * 32], []),
    KnownSecrets(lambda: True),
    _no_secrets,
    lambda: datetime.now(UTC),
)


class World:
    """The dependencies of a lane."""

    def __init__(self, receivers: Sequence[str] = (RECEIVER,)) -> None:
        self.time = VirtualTime()
        self.table = Table()
        self.far = Far(self.time)
        self.slots = DeliverySlots()
        self.policy = CallbackPolicy(frozenset(map(parse_origin, receivers)), None)
        self.rested: list[LaneKey] = []
        self.began_s = self.time.now_s()
        self.pauses = Pauses(self.store, self.now)
        #: Raised where the address is looked up.
        self.locating: list[Exception] = []
        self.attempts = CallbackAttempts(
            policy_of=lambda _owner: self.policy,
            locate=self.locate,
            signers=UNNAMED_SIGNERS,
            rules=AttemptRules(links=PLAIN_LINKS, timeout_s=10),
            slots=self.slots,
            now=self.now,
        )
        self.parts = LaneParts(
            store=self.store,
            attempts=self.attempts,
            records=AttemptRecords(self.table.record_attempts),
            observers=Observers(),
            pauses=self.pauses,
            streaks=Streaks(),
            proven=ProvenLanes(),
            statement_slots=Bulkhead(STATEMENTS_MAX),
            owed=self.table.owed,
            still_owed=GroupCommit(self.store.still_owed, items_max=100),
            cancellations=Cancellations(self.now),
            retries=RetryRules(delays_s=(2, 4, 8), probe_after_s=30),
            expires_after=timedelta(hours=24),
            now=self.now,
            sleep=self.time.sleep,
        )

    @property
    def store(self) -> RequestStore:
        """The table, typed as the lane's store."""
        return cast("RequestStore", self.table)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time.now_s() - self.began_s)

    async def locate(self, url: CallbackUrl) -> str:
        """Return the address of a URL."""
        if self.locating:
            raise self.locating.pop(0)
        return url.receiver

    def lane(self, key: LaneKey = LANE) -> DeliveryLane:
        """Open a lane."""
        return DeliveryLane(key, self.parts, self.far, on_rest=lambda lane: self.rested.append(lane.key))

    def offer(self, lane: DeliveryLane, *positions: int) -> None:
        """Add callbacks, and notify the lane."""
        for position in positions:
            callback = owed(position, lane.key, self.now())
            self.table.add(callback)
            lane.offer(callback)

    @property
    def sent(self) -> list[int]:
        """Positions in the order of recording, with repetitions."""
        return [attempt.request_id.int for attempt in self.table.attempts]

    def assert_nothing_is_held(self) -> None:
        """Check that every counter is back at its initial value."""
        assert self.attempts.in_flight == self.far.under_way == 0
        assert self.slots._in_all.everybody._held == self.slots._in_all.unproven._held == {}
        assert self.slots.waiting == 0
        assert self.slots._addresses == {}
        assert self.slots.pace.delayed == set()
        assert self.pauses._probed == set()
        slots = self.parts.statement_slots
        assert (slots._free, slots._held, slots.waiting) == (STATEMENTS_MAX, {}, 0)
