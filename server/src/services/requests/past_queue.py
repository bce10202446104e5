"""Reconstructs the queue at a past moment from the timestamps of a bounded number of rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, func, or_, select, union_all

from src.models import EndedPauseModel, Mode, PausedReceiverModel, RequestModel, Status
from src.services.identity.caller import ACCOUNT_MARK, View
from src.services.requests.history import IN_HISTORY, LISTED, Read
from src.services.requests.visible import visible

#: Requests that are read: the newest that had been accepted by then.
LOOKED_AT_MAX = 10_000
SHOWN_MAX = 50

R = RequestModel


@dataclass(frozen=True, slots=True, kw_only=True)
class PastQueue:
    """The queue at a moment: what was waiting, running and paused."""

    at: datetime
    waiting: int
    #: Of requests, not of batches.
    callbacks_owed: int
    processing: Sequence[Row[Any]]
    next: Sequence[Row[Any]]
    #: Receivers, with the reason and the beginning of each pause.
    paused: Sequence[Row[Any]]
    #: False: the numbers are lower bounds; older requests were not read.
    exact: bool


class PastQueues:
    """Queries for the state of the queue in the past.

    Args:
        read: runs a query.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    async def kept_since(self, view: View) -> datetime | None:
        """Return when the oldest retained request was accepted; None if there is none."""
        rows = await self._read(
            select(R.created_at).where(IN_HISTORY, *visible(view)).order_by(R.created_at, R.id).limit(1)
        )
        return rows[0].created_at if rows else None

    async def at(self, moment: datetime, view: View) -> PastQueue:
        """Return the state of the queue at a moment."""
        newest = select(*LISTED).where(IN_HISTORY, R.created_at <= moment, *visible(view))
        seen = newest.order_by(R.created_at.desc(), R.id.desc()).limit(LOOKED_AT_MAX).subquery()
        waited, ran, owed = _states(seen.c, moment)
        counted = select(
            func.count().filter(waited).label("waiting"),
            func.count().filter(owed).label("owed"),
            func.count().label("looked_at"),
        )
        [counts] = await self._read(counted.select_from(seen))
        return PastQueue(
            at=moment,
            waiting=counts.waiting,
            callbacks_owed=counts.owed,
            processing=await self._read(select(*seen.c).where(ran).order_by(seen.c.started_at).limit(SHOWN_MAX)),
            next=await self._read(select(*seen.c).where(waited).order_by(seen.c.queue_position).limit(SHOWN_MAX)),
            paused=await self._read(_paused(moment, view, seen.c.receiver)),
            exact=counts.looked_at < LOOKED_AT_MAX,
        )


def _states(request: Any, moment: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions that a request was waiting, running, or had an undelivered callback."""

    def by_then(at: Any) -> ColumnElement[bool]:
        return and_(at.is_not(None), at <= moment)

    is_async = request.mode == Mode.ASYNC
    # One that was cancelled waits no longer, even if its end is recorded when it is its turn.
    end = case((request.status == Status.CANCELLED, request.cancelled_at), else_=request.completed_at)
    began, ended = by_then(request.started_at), by_then(end)
    # A callback that was redelivered later had ended before that; the exact time is not stored.
    again_later = and_(request.callback_redelivered_at.is_not(None), request.callback_redelivered_at > moment)
    delivered = or_(by_then(request.callback_finished_at), again_later)
    owed = and_(request.callback_status.is_not(None), ended, ~delivered)
    return and_(is_async, ~began, ~ended), and_(began, ~ended), owed


def _paused(moment: datetime, view: View, own_receivers: ColumnElement[str]) -> Any:
    ended, present = EndedPauseModel, PausedReceiverModel
    then = select(ended.receiver, ended.caller, ended.reason, ended.paused_at).where(
        ended.paused_at <= moment, ended.ended_at > moment
    )
    still = select(present.receiver, present.caller, present.reason, present.paused_at).where(
        present.paused_at <= moment
    )
    paused = union_all(then, still).subquery()
    shown = select(paused.c.receiver, paused.c.reason, paused.c.paused_at)
    if not view.everybody:
        # The pause of a receiver for all callers is visible to accounts that had requests for it.
        for_all = and_(paused.c.caller == "", paused.c.receiver.in_(select(own_receivers)))
        shown = shown.where(or_(_counted_as(view, paused.c.caller), for_all))
    return shown.order_by(paused.c.paused_at).limit(SHOWN_MAX)


def _counted_as(view: View, caller: ColumnElement[str]) -> ColumnElement[bool]:
    if view.account is None:
        return and_(caller != "", ~caller.startswith(ACCOUNT_MARK))
    return caller == ACCOUNT_MARK + view.account
