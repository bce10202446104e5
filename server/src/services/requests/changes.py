"""Change notifications between the processes that share a database.

    store ──ids──▶ ChangeNotifier ──NOTIFY──▶ PostgreSQL ──LISTEN──▶ ChangeListener ──rows──▶ EventBus ──▶ sockets

Changes are published shortly after their COMMIT, in batches, in a transaction of their own: NOTIFY serializes
commits, and accepting must not slow down because somebody is watching. A notification is lost if its process dies;
subscribers are told of gaps and read again.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson

from src.database import database_errors
from src.services.requests.observers import Observers
from src.services.requests.records import Attempt

T = TypeVar("T")

CHANNEL = "financial_report_generator"
ANNOUNCED_EVERY_S = 0.05
#: PostgreSQL's limit for one payload is 8,000 bytes; an id takes 39 of them.
CHANGES_IN_ONE_NOTICE_MAX = 150
#: A receiver takes up to 300 bytes.
RECEIVERS_IN_ONE_NOTICE_MAX = 20
#: The name of an account takes up to 203 bytes in JSON.
ACCOUNTS_IN_ONE_NOTICE_MAX = 30
LISTENER_CHECKED_EVERY_S = 5.0
LISTENER_ANSWERS_WITHIN_S = 2.0
#: For how long an answer on the connection proves that notifications arrive.
HEARING_PROVEN_FOR_S = 0.9


@dataclass(slots=True)
class Changes:
    """A batch of changes, by request id."""

    updated: dict[UUID, None] = field(default_factory=dict)
    #: Each with the account that owned it: its row can no longer tell.
    deleted: dict[UUID, str | None] = field(default_factory=dict)
    #: Request id and attempt number.
    attempts: dict[tuple[UUID, int], None] = field(default_factory=dict)
    #: Receivers that were paused or resumed.
    receivers: dict[str, None] = field(default_factory=dict)
    #: Batches whose callbacks changed, or that were cancelled or deleted.
    batches: dict[UUID, None] = field(default_factory=dict)
    #: Requests that were cancelled, or their callbacks; they are among the updated ones, too.
    cancelled: dict[UUID, None] = field(default_factory=dict)
    #: Ids of API keys that changed, and names of accounts that were created or changed. The database announces both.
    keys: dict[str, None] = field(default_factory=dict)
    accounts: dict[str, None] = field(default_factory=dict)
    #: Accounts whose webhook secrets changed; the database announces that, too.
    secrets: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there are any changes."""
        return any(self.parts())

    def __len__(self) -> int:
        """Return the number of changes of requests, which clients of the event stream get."""
        return len(self.updated) + len(self.deleted) + len(self.attempts)

    def add(self, other: "Changes") -> None:
        """Merge another batch into this one."""
        self.updated.update(other.updated)
        self.deleted.update(other.deleted)
        self.attempts.update(other.attempts)
        self.receivers.update(other.receivers)
        self.cancelled.update(other.cancelled)
        self.batches.update(other.batches)

    def parts(self) -> tuple[dict[Any, Any], ...]:
        """Return the changes of each kind."""
        return (self.updated, self.deleted, self.attempts, self.receivers, self.cancelled, self.batches)

    def notices(self) -> list[str]:
        """Return the batch as NOTIFY payloads within PostgreSQL's size limit."""
        entries: list[tuple[Any, ...]] = [("u", request_id) for request_id in self.updated]
        entries += [("d", request_id) for request_id, account in self.deleted.items() if account is None]
        entries += [("a", request_id, number) for request_id, number in self.attempts]
        entries += [("b", batch_id) for batch_id in self.batches]
        entries += [("c", request_id) for request_id in self.cancelled]
        of_accounts = [
            ("d", request_id, account) for request_id, account in self.deleted.items() if account is not None
        ]
        receivers = [("r", receiver) for receiver in self.receivers]
        parts: tuple[Sequence[Any], ...] = (
            *batched(entries, CHANGES_IN_ONE_NOTICE_MAX),
            *batched(of_accounts, ACCOUNTS_IN_ONE_NOTICE_MAX),
            *batched(receivers, RECEIVERS_IN_ONE_NOTICE_MAX),
        )
        # orjson does not serialize asyncpg's subclass of UUID.
        return [orjson.dumps(part, default=str).decode() for part in parts]

    def add_notice(self, payload: str) -> None:
        """Merge a payload into this batch."""
        for kind, name, *number in orjson.loads(payload):
            match kind:
                case "u":
                    self.updated[UUID(name)] = None
                case "d":
                    self.deleted[UUID(name)] = number[0] if number else None
                case "a":
                    self.attempts[UUID(name), number[0]] = None
                case "r":
                    self.receivers[name] = None
                case "b":
                    self.batches[UUID(name)] = None
                case "c":
                    self.cancelled[UUID(name)] = None
                case "k" | "o" | "s":
                    self._announced(kind)[name] = None

    def _announced(self, kind: str) -> dict[str, None]:
        """Return the changes of a kind that the database announces."""
        return {"k": self.keys, "o": self.accounts, "s": self.secrets}[kind]


def batched(entries: Sequence[T], size: int) -> list[Sequence[T]]:
    """Split a sequence into parts of at most `size` elements."""
    return [entries[at : at + size] for at in range(0, len(entries), size)]


async def announce(pool: asyncpg.Pool, notices: list[str]) -> None:
    """Publish payloads to every process that listens on this database."""
    async with database_errors():
        await pool.fetch("SELECT pg_notify($1, notice) FROM unnest($2::text[]) AS notice", CHANNEL, notices)


class ChangeNotifier:
    """Collects changes and publishes them in batches. Thread-safe, except for `run`, which uses the server's loop.

    Args:
        announce: publishes payloads.
    """

    def __init__(self, announce: Callable[[list[str]], Awaitable[None]]) -> None:
        self._announce = announce
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._changes = Changes()
        self._wake = asyncio.Event()

    def observers(self) -> Observers:
        """Return observers that record every change."""
        return Observers(
            accepted=lambda requests: self.updated([request.id for request in requests]),
            started=self.updated,
            ended=lambda ended: self.updated([one.request_id for one in ended]),
            recorded=self.recorded,
            batches_changed=self.batches,
            changed=self.updated,
            deleted=self.deleted,
            cancelled=self.cancelled,
            paused=lambda pause: self.receiver(pause.receiver),
            pauses_changed=self.receiver,
        )

    def updated(self, request_ids: Collection[UUID]) -> None:
        """Record that requests were created or changed."""
        with self._lock:
            self._changes.updated.update(dict.fromkeys(request_ids))
            self._wake_up()

    def deleted(self, accounts: Mapping[UUID, str | None]) -> None:
        """Record that requests were deleted, and whose they were."""
        with self._lock:
            self._changes.deleted.update(accounts)
            self._wake_up()

    def cancelled(self, request_ids: Collection[UUID]) -> None:
        """Say that requests or their callbacks were cancelled."""
        with self._lock:
            self._changes.updated.update(dict.fromkeys(request_ids))
            self._changes.cancelled.update(dict.fromkeys(request_ids))
            self._wake_up()

    def batches(self, batch_ids: Collection[UUID]) -> None:
        """Record that batches changed."""
        with self._lock:
            self._changes.batches.update(dict.fromkeys(batch_ids))
            self._wake_up()

    def recorded(self, attempts: Sequence[Attempt]) -> None:
        """Record that attempts of requests or of batches were logged."""
        self.attempted([(one.request_id, one.attempt_number) for one in attempts if not one.of_batch])
        self.batches([one.request_id for one in attempts if one.of_batch])

    def attempted(self, attempts: Collection[tuple[UUID, int]]) -> None:
        """Record that attempts were logged, which changes their requests too."""
        with self._lock:
            self._changes.attempts.update(dict.fromkeys(attempts))
            self._changes.updated.update(dict.fromkeys(request_id for request_id, _ in attempts))
            self._wake_up()

    def receiver(self, receiver: str) -> None:
        """Record that a receiver was paused or resumed."""
        with self._lock:
            self._changes.receivers[receiver] = None
            self._wake_up()

    def _wake_up(self) -> None:
        if (
            self._changes and not self._wake.is_set()
        ):  # a wake-up from another thread costs a system call; one a batch is enough
            self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Publish changes every `ANNOUNCED_EVERY_S`, while there are any."""
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
        """Return changes to the next batch."""
        with self._lock:
            for news, old in zip(self._changes.parts(), changes.parts(), strict=True):
                news.update(old)
            self._wake_up()


class Hearing:
    """Whether this process hears of changes now.

    Args:
        clock: a monotonic clock, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._proven_s: float | None = None
        #: How often a silent connection is checked, seconds.
        self.checked_every_s = LISTENER_CHECKED_EVERY_S

    @property
    def is_connected(self) -> bool:
        """Whether the connection is not known to be broken."""
        return self._proven_s is not None

    @property
    def is_current(self) -> bool:
        """Whether whatever was announced longer than `HEARING_PROVEN_FOR_S` ago has been heard."""
        return self._proven_s is not None and self._clock() - self._proven_s <= HEARING_PROVEN_FOR_S

    def now_s(self) -> float:
        """Return the time to pass to `proven`."""
        return self._clock()

    def proven(self, at_s: float) -> None:
        """Record that whatever was announced before this time has been heard."""
        self._proven_s = at_s

    def lost(self) -> None:
        """Record that nothing is heard any more."""
        self._proven_s = None


class ChangeListener:
    """Subscribes to the changes of all processes. Belongs to the server's loop.

    Args:
        connect: opens a dedicated connection.
        on_changes: called with each batch of changes.
        on_gap: called when notifications may have been missed.
        hearing: is told whether notifications arrive.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        *,
        on_changes: Callable[[Changes], Awaitable[None]],
        on_gap: Callable[[], Awaitable[None]],
        hearing: Hearing | None = None,
    ) -> None:
        self._connect = connect
        self._on_changes = on_changes
        self._on_gap = on_gap
        self._hearing = hearing or Hearing()
        self._changes = Changes()
        self._heard = asyncio.Event()
        self._heard_s = 0.0
        #: Set once LISTEN is in effect.
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Listen until the connection breaks.

        Raises:
            DatabaseAway: the connection broke; call again.
        """
        connection = await self._connect()
        try:
            await connection.add_listener(CHANNEL, self._hear)
            connection.add_termination_listener(lambda _: self._hearing.lost())
            heard_s = self._hearing.now_s()
            await self._on_gap()
            self._hearing.proven(heard_s)
            self.listening.set()
            while not connection.is_closed():
                proven_s = await self._pass_on()
                if proven_s is None:
                    # A dead connection is as silent as an idle one.
                    proven_s = self._hearing.now_s()
                    async with database_errors(LISTENER_ANSWERS_WITHIN_S):
                        await connection.fetchval("SELECT 1")
                self._hearing.proven(proven_s)
        finally:
            self._hearing.lost()
            connection.terminate()

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._changes.add_notice(str(payload))
        if not self._heard.is_set():
            self._heard_s = self._hearing.now_s()
            self._heard.set()

    async def _pass_on(self) -> float | None:
        """Wait for changes and pass them on; returns when the first arrived, or None if none did in time."""
        try:
            async with asyncio.timeout(self._hearing.checked_every_s):
                await self._heard.wait()
        except TimeoutError:
            return None
        self._heard.clear()
        changes, self._changes = self._changes, Changes()
        heard_s = self._heard_s
        await self._on_changes(changes)
        return heard_s
