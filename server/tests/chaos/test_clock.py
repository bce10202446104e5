"""Somebody sets the machine's clock: waits stay as long as they were."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

import pytest

from src.services.delivery.attempts import AttemptRules
from src.services.delivery.schedule import JITTER_SHARE
from src.services.delivery.sender import CallbackSender, DeliveryRules
from src.services.kit.clock import SteadyClock
from src.services.outbound.callback_url import CallbackPolicy, CallbackUrl, parse_origin
from src.services.outbound.client import Reply
from src.services.requests.records import Attempt, Finished, LaneKey, OwedReport
from src.services.requests.store import RequestStore
from tests.chaos.conftest import Proof, StartServer
from tests.support.history import client_session
from tests.support.jobs import job
from tests.support.lanes import PLAIN_LINKS, UNNAMED_SIGNERS
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

RECEIVER = "http://127.0.0.1:9001"
DELAYS_S = (0.2, 0.4, 0.8)
#: How late a timer may fire on a busy machine.
LATE_S = 0.3
HOUR = timedelta(hours=1)


class JumpingWall:
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        """The time it shows."""
        return datetime.now(UTC) + self.offset


class FailingReceiver:
    """Answers 500, notes when, and sets the clock after each attempt."""

    def __init__(self, wall: JumpingWall, jumps: Sequence[timedelta]) -> None:
        self.attempted_s: list[float] = []
        self._wall = wall
        self._jumps = jumps

    async def post(
        self,
        _url: CallbackUrl,
        _headers: Mapping[str, str],
        _body: bytes,
        *,
        deadline_s: float,  # noqa: ARG002  it answers at once
    ) -> Reply:
        """Get one attempt."""
        self._wall.offset += self._jumps[len(self.attempted_s) % len(self._jumps)]
        self.attempted_s.append(time.monotonic())
        return Reply(500, None, b"")

    async def aclose(self) -> None:
        """Nothing is open."""


class NoStore:
    """Takes records, and has nothing of its own."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []

    async def record_attempts(self, attempts: Sequence[Attempt]) -> list[None]:
        """Take records."""
        self.attempts += attempts
        return [None] * len(attempts)

    async def still_owed(self, request_ids: Sequence[UUID]) -> list[bool]:
        """Whatever was offered is owed."""
        return [True] * len(request_ids)


def owed(now: datetime) -> OwedReport:
    finished = Finished(request_id=UUID(int=1), completed_at=now, result="{}")
    return OwedReport(job=job(1, LaneKey("c", RECEIVER)), finished=finished)


@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param((HOUR,), id="forward", marks=pytest.mark.chaos_long),
        pytest.param((-HOUR,), id="back", marks=pytest.mark.chaos_long),
        pytest.param((HOUR, -HOUR), id="forward and back"),
    ],
)
async def test_waits_stay_the_same_when_the_clock_is_set(jumps: Sequence[timedelta], proof: Proof) -> None:
    wall, store = JumpingWall(), NoStore()
    now = SteadyClock(wall)
    receiver = FailingReceiver(wall, jumps)
    policy = CallbackPolicy(frozenset([parse_origin(RECEIVER)]), None)

    async def locate(_url: CallbackUrl) -> str:
        return "127.0.0.1"

    sender = CallbackSender(
        store=cast("RequestStore", store),
        connect=lambda _receiver: receiver,
        policy_of=lambda _owner: policy,
        locate=locate,
        signers=UNNAMED_SIGNERS,
        rules=DeliveryRules(
            attempts=AttemptRules(links=PLAIN_LINKS, timeout_s=1),
            retry_delays_s=DELAYS_S,
            probe_after_s=300,
            expires_after=timedelta(hours=24),
        ),
        now=now,
    )
    sender.offer([owed(now())])
    await eventually(lambda: len(store.attempts) == 1 + len(DELAYS_S))
    await sender.aclose(0)
    waited_s = [after - before for before, after in pairwise(receiver.attempted_s)]

    proof(
        f"the wall clock set by {[f'{jump.total_seconds() / 3600:+.0f} h' for jump in jumps]} at each attempt: waits of"
        f" {DELAYS_S} s took {[round(each, 2) for each in waited_s]} s"
    )
    for each, delay_s in zip(waited_s, DELAYS_S, strict=True):
        assert delay_s <= each <= delay_s * (1 + JITTER_SHARE) + LATE_S
    log_times = [attempt.attempted_at for attempt in store.attempts]
    assert log_times == sorted(log_times)


@pytest.mark.chaos_long
async def test_a_restart_after_the_clock_was_set_forward_keeps_order_and_loses_no_attempt(
    server: StartServer, receivers: list[Receiver], proof: Proof
) -> None:
    """The next attempt's due time is in the row; the next process reads another wall clock."""
    restarted, receiver = server(CALLBACK_RETRY_DELAYS="3,3,3"), receivers[0]
    receiver.answer = lambda number, _callback: 500 if number == 0 else 200
    await restarted.start()
    async with client_session() as session:

        async def post() -> None:
            body: dict[str, Any] = {"payload": {"num_transactions": 1}, "callback_url": receiver.url}
            async with session.post(f"{restarted.base_url}/api/async", json=body) as answer:
                assert answer.status == 202

        await post()
        await receiver.got(1)
        await asyncio.sleep(0.3)
        await restarted.kill()
        await restarted.start(WALL_CLOCK_OFFSET_S="3600")
        await post()
        await receiver.got(3, within_s=8)
        _, order = await restarted.get("/api/queue/fifo-proof")
    waited_s = receiver.callbacks[1].arrived_s - receiver.callbacks[0].arrived_s

    proof(
        f"restarted with the wall clock set by +1 h: a wait of 3 s took {waited_s:.1f} s, received"
        f" {receiver.positions}, {order['generation_inversions']} inversions told"
    )
    assert receiver.positions == [1, 1, 2]
    assert order["generation_inversions"] == order["delivery_inversions"] == 0
