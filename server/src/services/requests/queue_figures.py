"""What is counted in the table for those who measure: one query, however much is stored."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Executable, Row, Select, and_, distinct, func, select, union_all

from src.models import (
    ApiKeyModel,
    BatchModel,
    CallbackStatus,
    Mode,
    PausedReceiverModel,
    Priority,
    RequestModel,
    Status,
)
from src.services.identity.caller import EVERYTHING, View
from src.services.requests.visible import visible

#: Counts stop here: the queue is bounded, and a health check should be cheap.
COUNT_MAX = 100_000

R = RequestModel
K = ApiKeyModel
_WAITING = and_(R.mode == Mode.ASYNC, R.completed_at.is_(None), R.status == Status.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What waits, is owed and is paused; each count stops at `COUNT_MAX`."""

    waiting: Mapping[Priority, int]
    oldest_waiting_at: Mapping[Priority, datetime | None]
    callbacks_owed: int
    receivers_paused: int
    #: When the next API key ends by itself; those that were revoked or rotated are not missed.
    next_key_ends_at: datetime | None


def owed_callbacks(view: View, due_after: datetime | None = None) -> CompoundSelect[Any]:
    """Select the callbacks that are owed, of requests and of batches: those whose report, or last report, has ended.

    Args:
        view: whose are selected.
        due_after: only those whose next attempt is due later than this.
    """

    def of(table: Any) -> Select[Any]:
        owed = select(table.id).where(
            table.callback_status == CallbackStatus.PENDING, table.completed_at.is_not(None), *visible(view, table)
        )
        return owed if due_after is None else owed.where(table.callback_next_attempt_at > due_after)

    return union_all(of(R), of(BatchModel))


def number_of(found: Select[Any] | CompoundSelect[Any]) -> ColumnElement[int]:
    """Count what a query finds, up to `COUNT_MAX`."""
    return select(func.count()).select_from(found.limit(COUNT_MAX).subquery()).scalar_subquery()


def _waiting(priority: Priority) -> ColumnElement[int]:
    return number_of(select(R.id).where(_WAITING, R.priority == priority))


def _oldest(condition: ColumnElement[bool]) -> ColumnElement[datetime]:
    return select(R.created_at).where(condition).order_by(R.queue_position).limit(1).scalar_subquery()


_FIGURES = select(
    number_of(owed_callbacks(EVERYTHING)),
    select(func.count(distinct(PausedReceiverModel.receiver))).scalar_subquery(),
    select(func.min(K.expires_at))
    .where(K.expires_at > func.now(), K.revoked_at.is_(None), K.replaced_by.is_(None))
    .scalar_subquery(),
    *(_waiting(each) for each in Priority),
    *(_oldest(and_(_WAITING, R.priority == each)) for each in Priority),
)


async def read_queue_figures(run: Callable[[Executable], Awaitable[Sequence[Row[Any]]]]) -> QueueFigures:
    """Count.

    Args:
        run: runs a query.
    """
    [row] = await run(_FIGURES)
    owed, paused, next_key_ends_at, *of_priorities = tuple(row)
    half = len(Priority)
    return QueueFigures(
        waiting=dict(zip(Priority, of_priorities[:half], strict=True)),
        oldest_waiting_at=dict(zip(Priority, of_priorities[half:], strict=True)),
        callbacks_owed=owed,
        receivers_paused=paused,
        next_key_ends_at=next_key_ends_at,
    )
