"""All changes of requests and callback logs; the only code that writes a status.

    PENDING ──start──▶ PROCESSING ──finish──▶ COMPLETED | FAILED        callback: PENDING ──▶ SUCCESS | FAILED
     │ ▲                │ │                                               │         ▲                │
     │ └────recover─────┘ │                                            cancel       └───redeliver────┤
     └─────────cancel─────┴──▶ CANCELLED                                  └──▶ CANCELLED ────────────┘

Each change is one statement, conditional on the state it expects, so that a process may die between any two of them.
Statements are prepared once per connection and process many rows.
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
from src.models import CallbackStatus, Priority, Status
from src.services.identity.caller import View
from src.services.requests import statements
from src.services.requests.filters import Filters
from src.services.requests.observers import Observers
from src.services.requests.records import (
    REDELIVERY,
    Accepted,
    Attempt,
    Cancelled,
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
    Recorded,
    Waiting,
)
from src.services.requests.rows import (
    columns_of_attempts,
    completed_of,
    duplicate_of,
    ended_of,
    job_of,
    owed_lanes_of,
    owed_of,
)

#: A request that was started this often without ending presumably kills its process; it is not retried.
GENERATION_ATTEMPTS_MAX = 3
IDEMPOTENCY_KEY_KEPT = timedelta(hours=24)
#: Longer than any sync report may take: an older row was left by a process that died.
SYNC_ABANDONED_AFTER = timedelta(seconds=90)
DELETE_BATCH_ROWS = 5_000
#: Longer than a write in progress, or one we have timed out, may take to complete in the storage.
FILES_DELETED_AGAIN_AFTER = timedelta(minutes=2)
#: Small, so that other transactions do not wait for a clean-up.
RETENTION_BATCH_ROWS = 500
#: Callers in a count of waiting requests, those with the most first.
CALLERS_COUNTED_MAX = 5_000
#: Pauses loaded into memory; beyond this, a receiver is only found to be down by failing again.
PAUSES_MAX = 10_000
#: Maximum number of runs of a statement that conflicts with others (deadlock, serialization failure).
RUNS_MAX = 3
#: Runs whose requests are deleted per batch; the rest follow later.
RUNS_NAMED_MAX = 1_000
#: The SQLSTATE of `require_epoch`.
STALE_EPOCH = "FRG01"

#: Of requests that ended without a report.
_NO_RESULTS: Mapping[UUID, str | None] = {}


class RequestStore:
    """Runs the statements on an asyncpg pool, and notifies observers after each COMMIT. Belongs to one event loop.

    Every method raises `DatabaseAway` if PostgreSQL does not respond; the change may or may not have been made, and
    retrying it is safe. The worker's methods raise `LeadershipLost` if another process has become the leader.

    Args:
        pool: connections, on one event loop.
        observers: notified after each COMMIT.
        epoch: the worker's leadership term; None outside the worker.
        on_away: called when the database is unavailable.
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
        self.epoch = epoch
        #: Runs a statement, for those who have statements of their own.
        self.fetch = self._fetch

    async def _fetch(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        try:
            async with database_errors():
                return await self._run(statement, arguments)
        except DatabaseAway as away:
            if self._on_away is not None:
                self._on_away(away)
            raise

    async def _run(self, statement: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """Run a statement, which is a transaction of its own; retries it after a conflict with others."""
        for runs_left in reversed(range(RUNS_MAX)):
            try:
                records: list[asyncpg.Record] = await self._pool.fetch(statement, *arguments)
            except asyncpg.PostgresError as error:
                if error.sqlstate == STALE_EPOCH:
                    raise LeadershipLost("Another process is the leader.") from None
                if error.sqlstate not in COLLISIONS or not runs_left:
                    raise
            else:
                return records
        raise AssertionError  # the last run returns or raises

    async def _change(self, statement: str, *arguments: Any) -> list[UUID]:
        """Run a statement that returns the ids of changed requests, and notify the observers."""
        changed = [record["id"] for record in await self._fetch(statement, *arguments)]
        self._observers.changed(changed)
        return changed

    async def _end(self, statement: str, *arguments: Any, results: Mapping[UUID, str | None] = _NO_RESULTS) -> None:
        """Run a statement that returns ended requests, and notify the observers."""
        if records := await self._fetch(statement, *arguments):
            self._observers.ended([ended_of(record, results.get(record["id"])) for record in records])

    # --- accepting -------------------------------------------------------------------------------------------

    async def insert(self, requests: Sequence[NewRequest]) -> dict[UUID, Accepted]:
        """Store the requests whose idempotency key is free (or who have none); async ones get positions in this order.

        Returns:
            The stored requests, by id; the key of a missing one was already in use.
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
            [request.trace and request.trace.header for request in requests],
        )
        created = {
            record["id"]: Accepted(request_id=record["id"], queue_position=record["queue_position"])
            for record in records
        }
        if created:
            self._observers.accepted([request for request in requests if request.id in created])
        return created

    async def find_by_keys(self, keys: Sequence[IdempotencyKey], now: datetime) -> dict[int, tuple[bytes, Duplicate]]:
        """Look up the requests that keys belong to; expired keys are freed and count as unknown.

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
        """Count the waiting async requests, up to `at_most`, in total and by caller."""
        records = await self._fetch(statements.COUNT_WAITING, at_most, CALLERS_COUNTED_MAX)
        return Waiting(
            total=records[0]["total"] if records else 0,
            by_caller={record["caller"]: record["number"] for record in records},
            of_any_other_max=records[-1]["number"] if len(records) == CALLERS_COUNTED_MAX else 0,
        )

    # --- generating ------------------------------------------------------------------------------------------

    async def waiting_after(self, tails: Mapping[Priority, tuple[int, int]]) -> list[Job]:
        """Return the next waiting requests, in order; `tails` gives a position and a limit for each priority."""
        positions, limits = zip(*tails.values(), strict=True)
        records = await self._fetch(statements.WAITING_AFTER, list(tails), positions, limits)
        return [job_of(record) for record in records]

    async def start(self, ids: Collection[UUID], now: datetime) -> set[UUID]:
        """Mark requests as processing; returns those that still exist."""
        started = {record["id"] for record in await self._fetch(statements.START, list(ids), now, self._epoch)}
        self._observers.started(started)
        return started

    async def finish(self, finished: Sequence[Finished]) -> list[Recorded | None]:
        """Record how reports ended; a cancelled one stays so, and ends here where its caller is to be told.

        Returns:
            What the rows say, in the same order, whether this or an earlier try wrote it; None: it is gone.
        """
        records = await self._fetch(
            statements.FINISH,
            [f.request_id for f in finished],
            [f.status for f in finished],
            [f.result for f in finished],
            [f.failure_reason for f in finished],
            [f.completed_at for f in finished],
            self._epoch,
        )
        results = {f.request_id: f.result for f in finished}
        rows = {r["id"]: Recorded(Status(r["status"]), r["callback_status"] == CallbackStatus.PENDING) for r in records}
        if ended := [
            ended_of(record, results[record["id"]]) for record in records if record["status"] != Status.CANCELLED
        ]:
            self._observers.ended(ended)
        if len(ended) < len(records):  # the end of those was told when they were cancelled
            self._observers.changed([record["id"] for record in records if record["status"] == Status.CANCELLED])
        if left := [f for f in finished if f.request_id not in rows]:
            ids, ends = [f.request_id for f in left], [f.completed_at for f in left]
            for record in await self._fetch(statements.RECORDED, ids, ends):
                rows[record["id"]] = Recorded(Status(record["status"]), bool(record["owed"]))
        return [rows.get(f.request_id) for f in finished]

    async def release(self, ids: Collection[UUID]) -> None:
        """Return requests whose generation was interrupted to their positions in the queue."""
        await self._change(statements.RELEASE, list(ids), self._epoch)

    async def recover(self, now: datetime) -> None:
        """Return requests left by a crashed process to the queue; those that crashed it too often fail."""
        reason = f"Generation was begun {GENERATION_ATTEMPTS_MAX} times and the process died each time."
        await self._end(statements.FAIL_POISON, GENERATION_ATTEMPTS_MAX, reason, now, self._epoch)
        failpoints.reached("mid_recovery")
        await self._change(statements.RECOVER, self._epoch)

    async def cancel(self, request_id: UUID, view: View, now: datetime, *, notify: bool) -> Cancelled | None:
        """Cancel a request that has not ended, else its callback, if that is owed.

        Args:
            request_id: which.
            view: whose requests may be cancelled.
            now: when.
            notify: `report.cancelled` is owed in place of the callback, where the report has not ended.

        Returns:
            What was cancelled; None: nothing is left to cancel.
        """
        records = await self._fetch(statements.CANCEL, request_id, now, notify, view.account, view.everybody)
        if not records:
            return None
        failpoints.reached("after_cancel_commit")
        status = Status(records[0]["status"])
        if status is Status.CANCELLED:
            self._observers.ended([ended_of(records[0])])
        self._observers.cancelled([request_id])
        return Cancelled(status is not Status.CANCELLED, records[0]["epoch"])

    async def fail_sync(self, failed: Sequence[Finished]) -> list[None]:
        """Mark sync requests as failed, and free their keys; returns one entry for each."""
        await self._end(
            statements.FAIL_SYNC,
            [f.request_id for f in failed],
            [f.failure_reason for f in failed],
            [f.completed_at for f in failed],
        )
        return [None] * len(failed)

    async def fail_abandoned_sync(self, now: datetime) -> None:
        """Mark the sync requests of crashed processes as failed."""
        reason = "The server stopped before the report was finished."
        await self._end(statements.FAIL_ABANDONED_SYNC, now - SYNC_ABANDONED_AFTER, reason, now)

    # --- delivering ------------------------------------------------------------------------------------------

    async def callers_owed(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` callers with undelivered callbacks, in order, starting behind `after`."""
        return [record["caller"] for record in await self._fetch(statements.CALLERS_OWED, after, limit)]

    async def lanes_owed(self, after: Mapping[str, tuple[str, str]], limit: int) -> list[OwedLane]:
        """Return lanes with undelivered callbacks, round robin between callers.

        Args:
            after: the callers, each with the receiver and sequence behind which to start.
            limit: maximum number of lanes per caller.
        """
        receivers, sequences = zip(*after.values(), strict=True)
        return owed_lanes_of(await self._fetch(statements.LANES_OWED, list(after), receivers, sequences, limit))

    async def receivers_of(self, callers: Collection[str], limit: int) -> dict[str, set[str]]:
        """Return the receivers for which callers have pending requests or callbacks, at least `limit` each, if any."""
        receivers: dict[str, set[str]] = {caller: set() for caller in callers}
        for record in await self._fetch(statements.RECEIVERS_OF, list(callers), limit):
            receivers[record["caller"]].add(record["receiver"])
        return receivers

    async def owed(self, lane: LaneKey, limit: int) -> list[OwedCallback]:
        """Return the first undelivered callbacks of a lane, in order."""
        return [owed_of(record) for record in await self._fetch(statements.OWED, *lane, limit)]

    async def is_owed(self, lane: LaneKey) -> bool:
        """Return whether a lane has undelivered callbacks, in any of its sequences."""
        return bool(await self._fetch(statements.IS_OWED, lane.caller, lane.receiver))

    async def still_owed(self, request_ids: Sequence[UUID]) -> list[bool]:
        """Return whether each callback is still undelivered, in this order: its request may have been deleted."""
        owed = {record["id"] for record in await self._fetch(statements.STILL_OWED, request_ids)}
        return [request_id in owed for request_id in request_ids]

    async def record_attempts(self, attempts: Sequence[Attempt]) -> list[None]:
        """Log attempts and update their requests; returns one entry for each, in order."""
        await self._fetch(statements.RECORD_ATTEMPTS, *columns_of_attempts(attempts, self._epoch))
        self._observers.recorded(attempts)
        return [None] * len(attempts)

    async def pauses(self) -> list[Pause]:
        """Return the pauses of lanes and receivers."""
        return [Pause(**record) for record in await self._fetch(statements.PAUSES, PAUSES_MAX)]

    async def pauses_of(self, receivers: Collection[str]) -> list[Pause]:
        """Return the pauses of some receivers, of single lanes and for all callers."""
        return [Pause(**record) for record in await self._fetch(statements.PAUSES_OF, list(receivers), PAUSES_MAX)]

    async def pause(self, pause: Pause) -> None:
        """Pause a lane or a receiver, or postpone its next probe."""
        when = (pause.paused_at, pause.reason, pause.probes, pause.next_probe_at)
        await self._fetch(statements.PAUSE, pause.caller, pause.receiver, *when, self._epoch)
        self._observers.paused(pause)

    async def end_pause(self, pause: Pause) -> None:
        """End a pause; idempotent."""
        if await self._fetch(statements.END_PAUSE, pause.caller, pause.receiver):
            self._observers.pauses_changed(pause.receiver)

    async def resume(self, lane: LaneKey) -> bool:
        """End the pauses of a lane and of its receiver; returns whether there was one."""
        return self._moved(lane, await self._fetch(statements.RESUME, lane.caller, lane.receiver))

    async def probe(self, lane: LaneKey, now: datetime) -> bool:
        """Make the next probe of a lane's pauses due now; returns whether there was a pause."""
        return self._moved(lane, await self._fetch(statements.PROBE, lane.caller, lane.receiver, now))

    def _moved(self, lane: LaneKey, changed: Sequence[asyncpg.Record]) -> bool:
        if changed:
            self._observers.pauses_changed(lane.receiver)
        return bool(changed)

    async def redeliver(
        self, request_id: UUID, view: View, now: datetime, cancelled_before: datetime
    ) -> LaneKey | None:
        """Begin a new series of attempts for a callback that has ended.

        Args:
            request_id: whose.
            view: whose callbacks may be redelivered.
            now: when it was asked for.
            cancelled_before: of a callback that was cancelled later an attempt may still be under way.

        Returns:
            The lane, or None if the request has no callback whose delivery has ended.
        """
        records = await self._fetch(
            statements.REDELIVER, request_id, now, view.account, view.everybody, cancelled_before
        )
        self._observers.changed([request_id] if records else [])
        return LaneKey(records[0]["caller"], records[0]["receiver"], REDELIVERY) if records else None

    # --- deleting --------------------------------------------------------------------------------------------

    async def delete(self, request_id: UUID, view: View) -> bool:
        """Delete a request with its log, unless it is being processed; returns whether it was deleted."""
        return bool(await self._delete(statements.DELETE, request_id, view.account, view.everybody))

    async def delete_older_than(self, moment: datetime) -> list[UUID]:
        """Delete a batch of requests that ended, callback included, before a moment; returns their ids."""
        return await self._delete(statements.DELETE_OLD, moment, RETENTION_BATCH_ROWS)

    async def delete_some(self, view: View) -> list[UUID]:
        """Delete a batch of requests that are not being processed; returns their ids, empty if none is left."""
        return await self._delete(statements.DELETE_SOME, DELETE_BATCH_ROWS, view.account, view.everybody)

    async def delete_found(self, request_ids: Collection[UUID], filters: Filters) -> list[UUID]:
        """Delete those of some requests that are not being processed, and still in the states of the filters."""
        view, states = filters.view, (filters.status, filters.callback_status)
        ids = list(request_ids)
        return await self._delete(statements.DELETE_NAMED, ids, view.account, view.everybody, *states)

    async def _delete(self, statement: str, *arguments: Any) -> list[UUID]:
        deleted = {record["id"]: record["account"] for record in await self._fetch(statement, *arguments)}
        self._observers.deleted(deleted)
        return list(deleted)

    async def count_completed(self) -> int:
        """Count the stored reports. Scans the table."""
        number: int = (await self._fetch(statements.COUNT_COMPLETED))[0]["number"]
        return number

    async def completed_after(self, after: UUID, limit: int) -> list[CompletedReport]:
        """Return the next stored reports behind an id, ordered by id."""
        return [completed_of(record) for record in await self._fetch(statements.COMPLETED_AFTER, after, limit)]

    async def files_to_delete(self) -> list[UUID]:
        """Return a batch of deleted requests whose reports are due for deletion; empty if none is left."""
        return [record["id"] for record in await self._fetch(statements.FILES_TO_DELETE, DELETE_BATCH_ROWS)]

    async def files_deleted(self, request_ids: Collection[UUID]) -> None:
        """Record that reports were deleted; each is deleted once more later, in case a late write recreated it."""
        await self._fetch(statements.FILES_DELETED, list(request_ids), FILES_DELETED_AGAIN_AFTER)

    async def known(self, request_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the ids that belong to a request."""
        return {record["id"] for record in await self._fetch(statements.KNOWN, list(request_ids))}

    async def runs_with_requests(self) -> list[UUID]:
        """Return up to `RUNS_NAMED_MAX` runs that still have requests."""
        return [record["run_id"] for record in await self._fetch(statements.RUNS_WITH_REQUESTS, RUNS_NAMED_MAX)]

    async def delete_of_runs(self, run_ids: Collection[UUID]) -> list[UUID]:
        """Delete a batch of requests of some runs; returns their ids, empty if the rest are being processed.

        No change is published, because these requests are not part of the history.
        """
        records = await self._fetch(statements.DELETE_OF_RUNS, list(run_ids), DELETE_BATCH_ROWS)
        return [record["id"] for record in records]
