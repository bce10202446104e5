"""News of commits, for whoever watches: from this process and from every other one on the same database.

    store ──ids──▶ ChangeNotifier ──NOTIFY──▶ PostgreSQL ──LISTEN──▶ ChangeListener ──rows──▶ EventBus ──▶ sockets

What changed is announced a moment after its COMMIT, many changes together, in a transaction of its own: NOTIFY
makes commits wait for each other, and no accept is to pay for somebody watching. News may be lost when a process
dies; whoever watches reads again after a gap.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson

from src.database import database_errors
from src.services.requests.observers import Observers

T = TypeVar("T")

CHANNEL = "financial_report_generator"
ANNOUNCED_EVERY_S = 0.05
#: PostgreSQL's limit for one payload is 8,000 bytes; an id takes 39 of them.
CHANGES_IN_ONE_NOTICE_MAX = 150
#: The name of a receiver takes up to 300 bytes.
RECEIVERS_IN_ONE_NOTICE_MAX = 20
LISTENER_CHECKED_EVERY_S = 5.0
LISTENER_ANSWERS_WITHIN_S = 2.0


@dataclass(slots=True)
class Changes:
    """What changed, by request id."""

    updated: dict[UUID, None] = field(default_factory=dict)
    deleted: dict[UUID, None] = field(default_factory=dict)
    #: Request id and attempt number.
    attempts: dict[tuple[UUID, int], None] = field(default_factory=dict)
    #: Receivers that were paused or resumed.
    receivers: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything did."""
        return bool(self.updated or self.deleted or self.attempts or self.receivers)

    def __len__(self) -> int:
        """Return the number of changes of requests, which clients of the event stream get."""
        return len(self.updated) + len(self.deleted) + len(self.attempts)

    def add(self, other: "Changes") -> None:
        """Add what another batch says."""
        self.updated.update(other.updated)
        self.deleted.update(other.deleted)
        self.attempts.update(other.attempts)
        self.receivers.update(other.receivers)

    def parts(self) -> tuple[dict[Any, None], ...]:
        """Give each kind of change."""
        return (self.updated, self.deleted, self.attempts, self.receivers)

    def notices(self) -> list[str]:
        """Write it as payloads that fit."""
        entries: list[tuple[Any, ...]] = [("u", request_id) for request_id in self.updated]
        entries += [("d", request_id) for request_id in self.deleted]
        entries += [("a", request_id, number) for request_id, number in self.attempts]
        receivers = [("r", receiver) for receiver in self.receivers]
        parts = (*batched(entries, CHANGES_IN_ONE_NOTICE_MAX), *batched(receivers, RECEIVERS_IN_ONE_NOTICE_MAX))
        # asyncpg's ids are a kind of UUID that orjson does not know.
        return [orjson.dumps(part, default=str).decode() for part in parts]

    def add_notice(self, payload: str) -> None:
        """Add what a payload says."""
        for kind, name, *number in orjson.loads(payload):
            match kind:
                case "u":
                    self.updated[UUID(name)] = None
                case "d":
                    self.deleted[UUID(name)] = None
                case "a":
                    self.attempts[UUID(name), number[0]] = None
                case "r":
                    self.receivers[name] = None


def batched(entries: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut into parts of at most `size`."""
    return [entries[at : at + size] for at in range(0, len(entries), size)]


async def announce(pool: asyncpg.Pool, notices: list[str]) -> None:
    """Send notices to every process that listens on this database."""
    async with database_errors():
        await pool.fetch("SELECT pg_notify($1, notice) FROM unnest($2::text[]) AS notice", CHANNEL, notices)


class ChangeNotifier:
    """Collects changes from any thread and announces them together. Belongs to the server's loop.

    Args:
        announce: sends payloads to the channel.
    """

    def __init__(self, announce: Callable[[list[str]], Awaitable[None]]) -> None:
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._changes = Changes()
        self._wake = asyncio.Event()

    def observers(self) -> Observers:
        """Make the observer that takes down what changed."""
        return Observers(
            accepted=lambda requests: self.updated([request.id for request in requests]),
            started=self.updated,
            ended=lambda ended: self.updated([one.request_id for one in ended]),
            recorded=lambda attempts: self.attempted([(one.request_id, one.attempt_number) for one in attempts]),
            changed=self.updated,
            deleted=self.deleted,
            paused=lambda pause: self.receiver(pause.receiver),
            pauses_changed=self.receiver,
        )

    def updated(self, request_ids: Collection[UUID]) -> None:
        """Say that requests were created or changed."""
        with self._lock:
            self._changes.updated.update(dict.fromkeys(request_ids))
            self._wake_up()

    def deleted(self, request_ids: Collection[UUID]) -> None:
        """Say that requests were deleted."""
        with self._lock:
            self._changes.deleted.update(dict.fromkeys(request_ids))
            self._wake_up()

    def attempted(self, attempts: Collection[tuple[UUID, int]]) -> None:
        """Say that attempts were recorded, and their requests changed with it."""
        with self._lock:
            self._changes.attempts.update(dict.fromkeys(attempts))
            self._changes.updated.update(dict.fromkeys(request_id for request_id, _ in attempts))
            self._wake_up()

    def receiver(self, receiver: str) -> None:
        """Say that a receiver was paused or resumed."""
        with self._lock:
            self._changes.receivers[receiver] = None
            self._wake_up()

    def _wake_up(self) -> None:
        if (
            self._changes and not self._wake.is_set()
        ):  # a wake-up from another thread costs a system call; one a batch is enough
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Announce changes periodically."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(ANNOUNCED_EVERY_S)
            with self._lock:
                changes, self._changes = self._changes, Changes()
                self._wake.clear()
            try:
                await self._announce(changes.notices())
            except Exception:
                self._keep(changes)
                raise

    def _keep(self, changes: Changes) -> None:
        """Announce them next time."""
        with self._lock:
            for news, old in zip(self._changes.parts(), changes.parts(), strict=True):
                news.update(old)
            self._wake_up()


class ChangeListener:
    """Hears what any process announced. Belongs to the server's loop.

    Args:
        connect: opens a connection of its own.
        on_changes: told what changed, in batches.
        on_gap: told that something may have been missed.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        *,
        on_changes: Callable[[Changes], Awaitable[None]],
        on_gap: Callable[[], None],
    ) -> None:
        self._connect = connect
        self._on_changes = on_changes
        self._on_gap = on_gap
        self._changes = Changes()
        self._heard = asyncio.Event()
        #: Set once news is heard; what happened before is not.
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Listen until the connection breaks.

        Raises:
            DatabaseAway: it broke; call again.
        """
        connection = await self._connect()
        try:
            await connection.add_listener(CHANNEL, self._hear)
            self.listening.set()
            self._on_gap()
            while not connection.is_closed():
                if not await self._pass_on():
                    # A connection whose other end is gone is as silent as one that has nothing to tell.
                    async with database_errors(LISTENER_ANSWERS_WITHIN_S):
                        await connection.fetchval("SELECT 1")
        finally:
            connection.terminate()

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._changes.add_notice(str(payload))
        self._heard.set()

    async def _pass_on(self) -> bool:
        """Wait for news and pass it on; False when none came."""
        try:
            async with asyncio.timeout(LISTENER_CHECKED_EVERY_S):
                await self._heard.wait()
        except TimeoutError:
            return False
        self._heard.clear()
        changes, self._changes = self._changes, Changes()
        await self._on_changes(changes)
        return True
