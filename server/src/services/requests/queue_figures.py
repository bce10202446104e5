"""What is counted in the table for those who measure: one query, however much is stored."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Executable, Row, and_, distinct, func, select

from src.models import ApiKeyModel, CallbackStatus, Mode, PausedReceiverModel, Priority, RequestModel, Status

#: Counts stop here.
COUNT_MAX = 100_000

R = RequestModel
K = ApiKeyModel
_WAITING = and_(R.mode == Mode.ASYNC, R.completed_at.is_(None), R.status == Status.PENDING)
_OWED = and_(R.callback_status == CallbackStatus.PENDING, R.completed_at.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What waits, is owed and is paused; each count stops at `COUNT_MAX`."""

    waiting: Mapping[Priority, int]
    oldest_waiting_at: Mapping[Priority, datetime | None]
    callbacks_owed: int
    receivers_paused: int
    #: When the next API key ends by itself; those that were revoked or rotated are not missed.
    next_key_ends_at: datetime | None


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    found = select(R.id).where(condition).limit(COUNT_MAX).subquery()
    return select(func.count()).select_from(found).scalar_subquery()


def _oldest(condition: ColumnElement[bool]) -> ColumnElement[datetime]:
    return select(R.created_at).where(condition).order_by(R.queue_position).limit(1).scalar_subquery()


_FIGURES = select(
    _count(_OWED),
    select(func.count(distinct(PausedReceiverModel.receiver))).scalar_subquery(),
    select(func.min(K.expires_at))
    .where(K.expires_at > func.now(), K.revoked_at.is_(None), K.replaced_by.is_(None))
    .scalar_subquery(),
    *(_count(and_(_WAITING, R.priority == each)) for each in Priority),
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
