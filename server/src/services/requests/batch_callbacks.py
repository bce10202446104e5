"""The callbacks of batches, for those who deliver them: what is owed, and what came of it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from src.services.identity.caller import Owner
from src.services.requests import batch_statements as statements
from src.services.requests.observers import Observers
from src.services.requests.records import Attempt, LaneKey, OwedBatch, OwedLane
from src.services.requests.rows import columns_of_attempts, owed_lanes_of


class BatchCallbacks:
    """The statements of the worker. Every method raises `DatabaseAway` if PostgreSQL does not respond.

    Args:
        fetch: runs a statement, which is a transaction of its own.
        epoch: the worker's leadership term.
        observers: told of recorded attempts.
    """

    def __init__(
        self, fetch: Callable[..., Awaitable[list[asyncpg.Record]]], epoch: int | None, observers: Observers
    ) -> None:
        self._fetch = fetch
        self._epoch = epoch
        self._observers = observers

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

    async def lanes_of(self, batch_ids: Collection[UUID]) -> list[LaneKey]:
        """Return the lanes in which the callbacks of some batches may be sent now."""
        return [LaneKey(*record) for record in await self._fetch(statements.LANES_OF, list(batch_ids))]

    async def owed(self, lane: LaneKey, limit: int) -> list[OwedBatch]:
        """Return the first callbacks of a lane that may be sent now, in order."""
        return [owed_batch_of(record) for record in await self._fetch(statements.OWED, *lane, limit)]

    async def record_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Log attempts and update their batches."""
        await self._fetch(statements.RECORD_ATTEMPTS, *columns_of_attempts(attempts, self._epoch))
        self._observers.recorded(attempts)


def owed_batch_of(record: Mapping[str, Any]) -> OwedBatch:
    """Build an undelivered callback."""
    return OwedBatch(
        id=record["id"],
        lane=LaneKey(record["caller"], record["receiver"], record["callback_sequence"]),
        url=record["callback_url"],
        owner=Owner(record["account"]),
        queue_position=record["last_position"],
        ended_at=record["completed_at"],
        name=record["name"],
        size=record["size"],
        is_cancelled=record["cancelled_at"] is not None,
        result=record["result_payload"],
        attempts=record["callback_attempts"],
        series_start=record["callback_series_start"],
        next_attempt_at=record["callback_next_attempt_at"],
        redelivered_at=record["callback_redelivered_at"],
    )
