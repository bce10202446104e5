"""Every change of a request or its callback log, and the only writer of a status.

    PENDING ──start──▶ PROCESSING ──finish──▶ COMPLETED | FAILED        callback: PENDING ──▶ SUCCESS | FAILED
       ▲                   │                                                        ▲                │
       └──────recover──────┘                                                        └───redeliver────┘

Each change is one statement, guarded by the state it expects, so that a process may die between any two of
them. Statements are prepared once on each connection and take many rows at a time.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from src import failpoints
from src.database import database_errors
from src.database_faults import COLLISIONS
from src.errors import DatabaseAway, LeadershipLost
from src.models import Priority
from src.services.requests import statements
from src.services.requests.observers import Observers
from src.services.requests.records import (
    REDELIVERY,
    Accepted,
    Attempt,
    CompletedReport,
    Duplicate,
    Finished,
    IdempotencyKey,
    Job,
    LaneKey,
    NewRequest,
    OwedCallback,
    OwedLane,
    Pause,
    Waiting,
)
from src.services.requests.rows import completed_of, duplicate_of, ended_of, job_of, owed_of

#: A request that began this often and never ended takes its process with it; it is not tried again.
GENERATION_ATTEMPTS_MAX = 3
IDEMPOTENCY_KEY_KEPT = timedelta(hours=24)
#: Longer than any sync report may take: a row that is older was left by a process that died.
SYNC_ABANDONED_AFTER = timedelta(seconds=90)
DELETE_BATCH_ROWS = 5_000
#: Longer than a write that was under way, or given up by us, may take to land in the store.
FILES_DELETED_AGAIN_AFTER = timedelta(minutes=2)
#: Small, so that nobody waits for a clean-up.
RETENTION_BATCH_ROWS = 500
#: Callers named by a count of what waits, those with most first.
CALLERS_COUNTED_MAX = 5_000
#: Pauses kept in mind; one beyond is found to fail again.
PAUSES_MAX = 10_000
#: A statement that collides with others (deadlock, serialization failure) is run so often.
RUNS_MAX = 3
#: Of which requests may be left; those beyond are found when these are gone.
RUNS_NAMED_MAX = 1_000
#: The SQLSTATE of `require_epoch`.
STALE_EPOCH = "FRG01"

#: Of requests that ended without a report.
_NO_RESULTS: Mapping[UUID, str | None] = {}


class RequestStore:
    """The statements, on one asyncpg pool and therefore on one event loop; says what changed after each COMMIT.

    Every method raises `DatabaseAway` when PostgreSQL does not answer; the change may then have happened or not,
    and asking for it again is safe. What the worker does raises `LeadershipLost` when another process leads.

    Args:
        pool: connections, on one event loop.
        observers: told what happened, after each COMMIT.
        epoch: the worker's term; None for what is not the worker's.
        on_away: told when the database does not do what it is asked for.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        observers: Observers,
        epoch: int | None = None,
        on_away: Callable[[DatabaseAway], None] | None = None,
    ) -> None:
        self._pool = pool
        self._epoch = epoch
        self._observers = observers
        self._on_away = on_away

    async def _fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        try:
            async with database_errors():
                return await self._run(statement, arguments)
        except DatabaseAway as away:
            if self._on_away is not None:
                self._on_away(away)
            raise

    async def _run(self, statement: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """Run a statement, which is a transaction of its own: one that collided with others did nothing."""
        for runs_left in reversed(range(RUNS_MAX)):
            try:
                records: list[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
            except asyncpg.PostgresError as error:
                if error.sqlstate == STALE_EPOCH:
                    raise LeadershipLost("Another process leads.") from None
                if error.sqlstate not in COLLISIONS or not runs_left:
                    raise
            else:
                return records
        raise AssertionError  # the last run returns or raises

    async def _change(self, statement: str, *arguments: Any) -> list[UUID]:
        """Run a statement that returns the ids of the requests it changed, and say so."""
        changed = [record["id"] for record in await self._fetch(statement, *arguments)]
        self._observers.changed(changed)
        return changed

    async def _end(self, statement: str, *arguments: Any, results: Mapping[UUID, str | None] = _NO_RESULTS) -> None:
        """Run a statement that returns what has ended by it, and say so."""
        if records := await self._fetch(statement, *arguments):
            self._observers.ended([ended_of(record, results.get(record["id"])) for record in records])

    # --- accepting -------------------------------------------------------------------------------------------

    async def insert(self, requests: Sequence[NewRequest]) -> dict[UUID, Accepted]:
        """Store those whose idempotency key is free (or who have none) and number the async ones in this order.

        Returns:
            What was created, by request id; a request that is missing met a key already in use.
        """
        keys = [request.idempotency_key for request in requests]
        records = await self._fetch(
            statements.INSERT,
            [request.id for request in requests],
            [request.mode for request in requests],
            [request.caller.name for request in requests],
            [orjson.dumps(request.parameters.to_json()).decode() for request in requests],
            [request.callback_url for request in requests],
            [request.receiver for request in requests],
            [request.created_at for request in requests],
            [key and key.route for key in keys],
            [key and key.key for key in keys],
            [key and key.fingerprint for key in keys],
            [request.caller.owner.account for request in requests],
            [request.caller.owner.run_id for request in requests],
            [request.priority for request in requests],
        )
        created = {
            record["id"]: Accepted(request_id=record["id"], queue_position=record["queue_position"])
            for record in records
        }
        if created:
            self._observers.accepted([request for request in requests if request.id in created])
        return created

    async def find_by_keys(self, keys: Sequence[IdempotencyKey], now: datetime) -> dict[int, tuple[bytes, Duplicate]]:
        """Look up what keys stand for; keys that have expired are freed and count as unknown.

        Returns:
            For each known key, by its index in `keys`: the stored fingerprint and the request.
        """
        records = await self._fetch(
            statements.FIND_KEYS, [key.caller for key in keys], [key.route for key in keys], [key.key for key in keys]
        )
        expired = [r["id"] for r in records if r["completed_at"] and r["completed_at"] < now - IDEMPOTENCY_KEY_KEPT]
        if expired:
            await self._fetch(statements.FREE_KEYS, expired)
        return {r["n"] - 1: (r["fingerprint"], duplicate_of(r)) for r in records if r["id"] not in expired}

    async def expire_keys(self, now: datetime) -> None:
        """Free a batch of keys whose requests ended 24 hours ago."""
        await self._fetch(statements.EXPIRE_KEYS, now - IDEMPOTENCY_KEY_KEPT, DELETE_BATCH_ROWS)

    async def count_waiting(self, at_most: int) -> Waiting:
        """Count the async requests that wait, up to `at_most`, in all and by caller."""
        records = await self._fetch(statements.COUNT_WAITING, at_most, CALLERS_COUNTED_MAX)
        return Waiting(
            total=records[0]["total"] if records else 0,
            by_caller={record["caller"]: record["number"] for record in records},
            of_any_other_max=records[-1]["number"] if len(records) == CALLERS_COUNTED_MAX else 0,
        )

    # --- generating ------------------------------------------------------------------------------------------

    async def waiting_after(self, tails: Mapping[Priority, tuple[int, int]]) -> list[Job]:
        """Read the next waiting requests of each priority, in order: behind a position, so many at most."""
        positions, limits = zip(*tails.values(), strict=True)
        records = await self._fetch(statements.WAITING_AFTER, list(tails), positions, limits)
        return [job_of(record) for record in records]

    async def start(self, ids: Collection[UUID], now: datetime) -> set[UUID]:
        """Begin reports; returns those that are still wanted (the others were deleted)."""
        started = {record["id"] for record in await self._fetch(statements.START, list(ids), now, self._epoch)}
        self._observers.started(started)
        return started

    async def finish(self, finished: Sequence[Finished]) -> list[None]:
        """Record how reports ended; one entry for each, in the same order."""
        await self._end(
            statements.FINISH,
            [f.request_id for f in finished],
            [f.status for f in finished],
            [f.result for f in finished],
            [f.failure_reason for f in finished],
            [f.completed_at for f in finished],
            self._epoch,
            results={f.request_id: f.result for f in finished},
        )
        return [None] * len(finished)

    async def release(self, ids: Collection[UUID]) -> None:
        """Put reports that were begun and are not going to end back where they were in the queue."""
        await self._change(statements.RELEASE, list(ids), self._epoch)

    async def recover(self, now: datetime) -> None:
        """Put back what a process that died left behind, except for what has killed it too often."""
        reason = f"Generation was begun {GENERATION_ATTEMPTS_MAX} times and the process died each time."
        await self._end(statements.FAIL_POISON, GENERATION_ATTEMPTS_MAX, reason, now, self._epoch)
        failpoints.reached("mid_recovery")
        await self._change(statements.RECOVER, self._epoch)

    async def fail_sync(self, failed: Sequence[Finished]) -> list[None]:
        """End sync requests that have no report and will have none, and free their keys; one entry for each."""
        await self._end(
            statements.FAIL_SYNC,
            [f.request_id for f in failed],
            [f.failure_reason for f in failed],
            [f.completed_at for f in failed],
        )
        return [None] * len(failed)

    async def fail_abandoned_sync(self, now: datetime) -> None:
        """End the sync requests of processes that died."""
        reason = "The server stopped before the report was finished."
        await self._end(statements.FAIL_ABANDONED_SYNC, now - SYNC_ABANDONED_AFTER, reason, now)

    # --- delivering ------------------------------------------------------------------------------------------

    async def callers_owed(self, after: str, limit: int) -> list[str]:
        """Name callers behind `after` whose callbacks are owed, in order, `limit` at most."""
        return [record["caller"] for record in await self._fetch(statements.CALLERS_OWED, after, limit)]

    async def lanes_owed(self, after: Mapping[str, tuple[str, str]], limit: int) -> list[OwedLane]:
        """Name lanes with callbacks that are owed, in turns between callers.

        Args:
            after: whose lanes, and the receiver and sequence behind which each caller's begin.
            limit: lanes of one caller at most.
        """
        receivers, sequences = zip(*after.values(), strict=True)
        records = await self._fetch(statements.LANES_OWED, list(after), receivers, sequences, limit)
        return [
            OwedLane(key=LaneKey(caller, receiver, sequence), next_attempt_at=due, owed_since=since)
            for caller, receiver, sequence, due, since in records
        ]

    async def receivers_of(self, callers: Collection[str], limit: int) -> dict[str, set[str]]:
        """Name the receivers that callers have something waiting or owed for, `limit` of each at least, if any."""
        receivers: dict[str, set[str]] = {caller: set() for caller in callers}
        for record in await self._fetch(statements.RECEIVERS_OF, list(callers), limit):
            receivers[record["caller"]].add(record["receiver"])
        return receivers

    async def owed(self, lane: LaneKey, limit: int) -> list[OwedCallback]:
        """Read the first callbacks owed in one lane, in order."""
        return [owed_of(record) for record in await self._fetch(statements.OWED, *lane, limit)]

    async def is_owed(self, lane: LaneKey) -> bool:
        """Tell whether a lane owes anything, in any of its sequences."""
        return bool(await self._fetch(statements.IS_OWED, lane.caller, lane.receiver))

    async def still_owed(self, request_ids: Sequence[UUID]) -> list[bool]:
        """Return which callbacks are still to be delivered, in this order: requests may have been deleted."""
        owed = {record["id"] for record in await self._fetch(statements.STILL_OWED, request_ids)}
        return [request_id in owed for request_id in request_ids]

    async def record_attempts(self, attempts: Sequence[Attempt]) -> list[None]:
        """Write attempts to the log and their consequence to the requests; one entry for each, in order."""
        await self._fetch(
            statements.RECORD_ATTEMPTS,
            [a.request_id for a in attempts],
            [a.attempt_number for a in attempts],
            [a.status_code for a in attempts],
            [a.success for a in attempts],
            [a.error_code for a in attempts],
            [a.error_message for a in attempts],
            [a.response_excerpt for a in attempts],
            [a.response_time_ms for a in attempts],
            [a.attempted_at for a in attempts],
            [a.ended_at for a in attempts],
            [a.next_attempt_at for a in attempts],
            self._epoch,
            [_json(a.request_headers) for a in attempts],
            [a.request_body_sha256 for a in attempts],
            [_json(a.response_headers) for a in attempts],
        )
        self._observers.recorded(attempts)
        return [None] * len(attempts)

    async def pauses(self) -> list[Pause]:
        """Read which lanes and receivers are paused."""
        return [Pause(**record) for record in await self._fetch(statements.PAUSES, PAUSES_MAX)]

    async def pauses_of(self, receivers: Collection[str]) -> list[Pause]:
        """Read which pauses some receivers have, by lane and for everybody."""
        return [Pause(**record) for record in await self._fetch(statements.PAUSES_OF, list(receivers), PAUSES_MAX)]

    async def pause(self, pause: Pause) -> None:
        """Pause a lane or a receiver, or put its next probe off."""
        when = (pause.paused_at, pause.reason, pause.probes, pause.next_probe_at)
        await self._fetch(statements.PAUSE, pause.caller, pause.receiver, *when, self._epoch)
        self._observers.paused(pause)

    async def end_pause(self, pause: Pause) -> None:
        """End one pause; that it has ended before is fine."""
        if await self._fetch(statements.END_PAUSE, pause.caller, pause.receiver):
            self._observers.pauses_changed(pause.receiver)

    async def resume(self, lane: LaneKey) -> bool:
        """End the pauses of a lane, its own and the receiver's; returns whether there was one."""
        return self._moved(lane, await self._fetch(statements.RESUME, lane.caller, lane.receiver))

    async def probe(self, lane: LaneKey, now: datetime) -> bool:
        """Make the next probe of a lane's pauses due now; returns whether there is one."""
        return self._moved(lane, await self._fetch(statements.PROBE, lane.caller, lane.receiver, now))

    def _moved(self, lane: LaneKey, changed: Sequence[asyncpg.Record]) -> bool:
        if changed:
            self._observers.pauses_changed(lane.receiver)
        return bool(changed)

    async def redeliver(self, request_id: UUID, now: datetime) -> LaneKey | None:
        """Begin a new series of attempts for a callback that has ended.

        Returns:
            The lane, or None when the request has no callback that has ended.
        """
        records = await self._fetch(statements.REDELIVER, request_id, now)
        self._observers.changed([request_id] if records else [])
        return LaneKey(records[0]["caller"], records[0]["receiver"], REDELIVERY) if records else None

    # --- deleting --------------------------------------------------------------------------------------------

    async def delete(self, request_id: UUID) -> bool:
        """Delete a request with its log, unless it is being processed; returns whether it did."""
        deleted = [record["id"] for record in await self._fetch(statements.DELETE, request_id)]
        self._observers.deleted(deleted)
        return bool(deleted)

    async def delete_older_than(self, moment: datetime) -> list[UUID]:
        """Delete a batch of requests that ended before a moment and owe nothing; an empty list: none is left."""
        records = await self._fetch(statements.DELETE_OLD, moment, RETENTION_BATCH_ROWS)
        deleted = [record["id"] for record in records]
        self._observers.deleted(deleted)
        return deleted

    async def count_completed(self) -> int:
        """Count the reports that have been stored. Looks through the table."""
        number: int = (await self._fetch(statements.COUNT_COMPLETED))[0]["number"]
        return number

    async def completed_after(self, after: UUID, limit: int) -> list[CompletedReport]:
        """Read the next stored reports behind an id, in the order of their ids."""
        return [completed_of(record) for record in await self._fetch(statements.COMPLETED_AFTER, after, limit)]

    async def files_to_delete(self) -> list[UUID]:
        """Name a batch of requests that are gone and whose reports are to be deleted; an empty list: none is left."""
        return [record["id"] for record in await self._fetch(statements.FILES_TO_DELETE, DELETE_BATCH_ROWS)]

    async def files_deleted(self, request_ids: Collection[UUID]) -> None:
        """Note that reports were deleted. Once more is due later; after that they are forgotten."""
        await self._fetch(statements.FILES_DELETED, list(request_ids), FILES_DELETED_AGAIN_AFTER)

    async def known(self, request_ids: Collection[UUID]) -> set[UUID]:
        """Return which of the ids belong to requests."""
        return {record["id"] for record in await self._fetch(statements.KNOWN, list(request_ids))}

    async def delete_some(self) -> list[UUID]:
        """Delete a batch of requests that are not being processed; an empty list says that none is left."""
        deleted = [record["id"] for record in await self._fetch(statements.DELETE_SOME, DELETE_BATCH_ROWS)]
        self._observers.deleted(deleted)
        return deleted

    async def runs_with_requests(self) -> list[UUID]:
        """Return up to `RUNS_NAMED_MAX` runs that still have requests."""
        return [record["run_id"] for record in await self._fetch(statements.RUNS_WITH_REQUESTS, RUNS_NAMED_MAX)]

    async def delete_of_runs(self, run_ids: Collection[UUID]) -> list[UUID]:
        """Delete a batch of what some runs sent; an empty list says that none is left, or is being processed.

        No change is published, because these requests are not part of the history.
        """
        records = await self._fetch(statements.DELETE_OF_RUNS, list(run_ids), DELETE_BATCH_ROWS)
        return [record["id"] for record in records]


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
