"""Queries for the timeline of a request; they read a bounded number of rows, independent of the history's size."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, null, select, union_all

from src.models import CallbackStatus, EndedPauseModel, Mode, PausedReceiverModel, RequestModel, Status
from src.services.identity.caller import View
from src.services.requests.explanation import Attempted, Lifetime, Paused
from src.services.requests.filters import Filters, plan_for
from src.services.requests.history import LISTED, Read, newest
from src.services.requests.visible import visible

#: Requests accepted before one, and as many after it, that are searched for those that started while it waited.
LOOKED_AT_MAX = 10_000
#: Requests of the same receiver that are searched for the one that held it.
BEFORE_MAX = 100
PAUSES_MAX = 100

R = RequestModel


class Explanations:
    """The queries.

    Args:
        read: runs a query.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    async def lifetime(
        self, request: Row[Any], logs: Sequence[Row[Any]], now: datetime, starts_to_come: int = 0
    ) -> Lifetime:
        """Read the timestamps that the timeline of a request is built from.

        Args:
            request: the request.
            logs: its attempts, oldest first.
            now: the time.
            starts_to_come: while it waits, the starts that will come before its own.
        """
        delivers = request.receiver is not None and request.completed_at is not None
        is_cancelled = request.status == Status.CANCELLED
        return Lifetime(
            created_at=request.created_at,
            started_at=request.started_at,
            completed_at=request.cancelled_at if is_cancelled else request.completed_at,
            is_cancelled=is_cancelled,
            turn_at=request.completed_at or now if is_cancelled else None,
            redelivered_at=request.callback_redelivered_at,
            callback_finished_at=request.callback_finished_at,
            owes_callback=request.callback_status == CallbackStatus.PENDING,
            ahead=await self._begun_before(request, now) + starts_to_come if request.mode == Mode.ASYNC else 0,
            attempts=[_attempted(log) for log in logs],
            pauses=await self._pauses(request) if delivers else (),
            held_by=await self._held_by(request, logs, now) if delivers else None,
            now=now,
        )

    async def _begun_before(self, request: Row[Any], now: datetime) -> int:
        """Count the starts of its account between its acceptance and its own, those of later urgent ones included."""
        begun_at, until = R.started_at, request.started_at or request.completed_at or now
        own = visible(View(request.account))
        earlier = select(begun_at).where(R.queue_position < request.queue_position, *own)
        later = select(begun_at).where(R.queue_position > request.queue_position, *own)
        sides = (earlier.order_by(R.queue_position.desc()), later.order_by(R.queue_position))
        before, after = (side.limit(LOOKED_AT_MAX).subquery() for side in sides)
        # What began together began in the order of acceptance.
        began = union_all(
            select(before.c.started_at).where(before.c.started_at.between(request.created_at, until)),
            select(after.c.started_at).where(after.c.started_at >= request.created_at, after.c.started_at < until),
        )
        [row] = await self._read(select(func.count()).select_from(began.subquery()))
        count: int = row[0]
        return count

    async def _held_by(
        self, request: Row[Any], logs: Sequence[Row[Any]], now: datetime
    ) -> tuple[UUID, datetime] | None:
        """Return the earlier callback of its lane that was the last to end before its own first attempt."""
        earlier = Filters(view=View(request.account), receiver=request.receiver, until=request.created_at)
        found = newest(plan_for(earlier), BEFORE_MAX, None, LISTED).subquery()
        first_attempt_at = logs[0].attempted_at if logs else now
        query = (
            select(found.c.id, found.c.callback_finished_at)
            .where(found.c.caller == request.caller, found.c.callback_sequence == request.callback_sequence)
            .where(found.c.queue_position < request.queue_position)
            .where(found.c.callback_finished_at.between(request.completed_at, first_attempt_at))
            .order_by(found.c.callback_finished_at.desc())
            .limit(1)
        )
        rows = await self._read(query)
        return (rows[0].id, rows[0].callback_finished_at) if rows else None

    async def _pauses(self, request: Row[Any]) -> list[Paused]:
        """Return the pauses of its lane, and those of its receiver for all callers, since its report ended."""
        ended, present = EndedPauseModel, PausedReceiverModel
        lane = (request.caller, "")
        of_then = select(ended.paused_at, ended.ended_at, ended.reason).where(
            ended.receiver == request.receiver, ended.caller.in_(lane), ended.ended_at > request.completed_at
        )
        of_now = select(present.paused_at, null().label("ended_at"), present.reason).where(
            present.receiver == request.receiver, present.caller.in_(lane)
        )
        latest = await self._read(of_then.order_by(ended.paused_at.desc()).limit(PAUSES_MAX))
        now_too = await self._read(of_now)
        return [Paused(begin=row.paused_at, end=row.ended_at, reason=row.reason) for row in (*latest, *now_too)]


def _attempted(log: Row[Any]) -> Attempted:
    answer = log.error_message or f"The receiver answered {log.status_code}."
    return Attempted(
        number=log.attempt_number,
        begin=log.attempted_at,
        end=log.attempted_at + timedelta(milliseconds=log.response_time_ms),
        outcome=answer,
        next_attempt_at=log.next_attempt_at,
    )
