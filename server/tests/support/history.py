"""The history of what clients were told, including lost responses.

As in Jepsen's tests an outcome is one of three: acknowledged, refused, or unknown. `verdict` compares them with
what is stored in the end.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Any

import aiohttp

from tests.support.receivers import Receiver

#: Nothing was sent: the server is being started again.
TRIED_AGAIN_AFTER_S = 0.02
ANSWERED_WITHIN_S = 15.0


class Outcome(Enum):
    """The outcome of an operation, as seen by its client."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass
class Operation:
    """One request for a report, with all its attempts."""

    #: Its report's name; no other operation has it.
    name: str
    key: str | None
    body: dict[str, Any]
    outcome: Outcome = Outcome.UNKNOWN
    #: Every id that an answer named; more than one would be a fault.
    request_ids: set[str] = field(default_factory=set)
    queue_position: int = 0
    first_sent_s: float = 0
    acknowledged_s: float = 0
    longest_wait_s: float = 0
    #: The status of every answer; 0: there was none.
    answers: list[int] = field(default_factory=list)


@dataclass
class History:
    """Every operation of every client."""

    operations: list[Operation] = field(default_factory=list)

    def with_outcome(self, outcome: Outcome) -> list[Operation]:
        """Operations with an outcome."""
        return [operation for operation in self.operations if operation.outcome is outcome]

    @property
    def answers(self) -> Counter[int]:
        """Number of responses by status."""
        return Counter(status for operation in self.operations for status in operation.answers)

    @property
    def longest_wait_s(self) -> float:
        """The longest time that a client waited for a response or a failure."""
        return max((operation.longest_wait_s for operation in self.operations), default=0)


class Client:
    """Submits one request after the other, as a caller with bad luck does.

    Args:
        session: sends.
        history: where outcomes are written.
        servers: their base URLs; each try goes to any of them.
        receivers: who is called back; each operation chooses one.
        dice: all its choices.
    """

    _numbers = count(1)

    def __init__(
        self,
        session: aiohttp.ClientSession,
        history: History,
        *,
        servers: Sequence[str],
        receivers: Sequence[Receiver],
        dice: random.Random,
    ) -> None:
        self._session = session
        self._history = history
        self._servers = servers
        self._receivers = receivers
        self._dice = dice

    async def post_until(self, stop: asyncio.Event, pause_s: float) -> None:
        """Submit until stopped."""
        while not stop.is_set():
            await self.post_one(stop)
            await asyncio.sleep(self._dice.random() * pause_s)

    async def post(self, number: int) -> None:
        """Submit a number of requests."""
        for _ in range(number):
            await self.post_one(asyncio.Event())

    async def post_one(self, stop: asyncio.Event, transactions: int = 0) -> Operation:
        """Submit one request: half of them with a key, half of those retried until there is a response."""
        operation = self._new_operation(transactions)
        self._history.operations.append(operation)
        insists = operation.key is not None and self._dice.random() < 0.5
        while not stop.is_set():
            await self._try(operation, stop)
            if operation.outcome is not Outcome.UNKNOWN or not insists:
                break
            await asyncio.sleep(TRIED_AGAIN_AFTER_S)
        return operation

    def _new_operation(self, transactions: int) -> Operation:
        name = f"operation {next(self._numbers)}"
        payload = {"report_name": name, "num_transactions": transactions or self._dice.randint(1, 300)}
        callback_url = self._dice.choice(self._receivers).url
        key = name.replace(" ", "-") if self._dice.random() < 0.5 else None
        return Operation(name, key, {"payload": payload, "callback_url": callback_url})

    async def _try(self, operation: Operation, stop: asyncio.Event) -> None:
        headers = {"X-Idempotency-Key": operation.key} if operation.key else {}
        while not stop.is_set():
            started_s = time.monotonic()
            operation.first_sent_s = operation.first_sent_s or started_s
            url = f"{self._dice.choice(self._servers)}/api/async"
            try:
                async with self._session.post(url, json=operation.body, headers=headers) as answer:
                    self._note(operation, answer.status, await answer.read())
                break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(TRIED_AGAIN_AFTER_S)  # nothing was sent
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                operation.answers.append(0)
                break
            finally:
                operation.longest_wait_s = max(operation.longest_wait_s, time.monotonic() - started_s)

    def _note(self, operation: Operation, status: int, body: bytes) -> None:
        operation.answers.append(status)
        if status in {200, 202}:
            answer = json.loads(body)
            operation.outcome = Outcome.ACKNOWLEDGED
            operation.acknowledged_s = time.monotonic()
            operation.request_ids.add(answer["request_id"])
            operation.queue_position = answer["queue_position"]
        elif status < 500:
            operation.outcome = Outcome.REFUSED


def client_session() -> aiohttp.ClientSession:
    """Open a session for clients."""
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWERED_WITHIN_S))


async def load(clients: Sequence[Client], meanwhile: Callable[[], Awaitable[None]], pause_s: float = 0.01) -> None:
    """Run clients in a `with` block, each with pauses up to a length."""
    stop = asyncio.Event()
    posting = [asyncio.create_task(client.post_until(stop, pause_s)) for client in clients]
    try:
        await meanwhile()
    finally:
        stop.set()
        await asyncio.gather(*posting)
