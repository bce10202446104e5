"""The history: pages and counts of requests, narrowed by filters.

Whatever is asked for and however much there is, a bounded number of index entries and rows is read.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Row,
    Select,
    String,
    and_,
    func,
    literal,
    literal_column,
    select,
    text,
    true,
    tuple_,
    union,
    union_all,
)

from src.models import CallbackStatus, Mode, RequestModel, Status
from src.services.requests import statements
from src.services.requests.cursors import read_cursor, write_cursor
from src.services.requests.filters import Filters, Plan, UrlBeginning, plan_for

#: Requests that one search looks at; the cursor goes on behind them.
SEARCHED_MAX = 10_000
#: Counts of each state stop here.
COUNTED_MAX = 10_000
#: Requests that may have the same idempotency key, of several callers or days.
SAME_KEY_MAX = 1_000
#: More receivers that begin with a text are searched for like a name.
RECEIVERS_MAX = 20
KEY_CHARS_MAX = 255

R = RequestModel
#: The columns of a list: everything but the result.
LISTED = [column for column in R.__table__.columns if column.name != "result_payload"]
_KEYSET = (R.__table__.c.id, R.__table__.c.created_at)
_STATE = (R.__table__.c.mode, R.__table__.c.status, R.__table__.c.callback_status)
#: What runs send is worked on like anything else, but it is nobody's history.
IN_HISTORY = R.run_id.is_(None)
#: Written out: of a parameter PostgreSQL cannot tell whether a partial index holds the rows.
_PENDING: ColumnElement[str] = literal_column("'PENDING'")

Read = Callable[[Executable], Awaitable[Sequence[Row[Any]]]]
After = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Page:
    """Some requests, newest first, and the cursor behind the last one if there are more."""

    requests: Sequence[Row[Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are, by state."""

    by_status: dict[Status, int]
    by_callback_status: dict[CallbackStatus, int]
    #: False: there are at least so many.
    exact: bool

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())


class History:
    """Finds requests.

    Args:
        read: runs a query.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    async def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Read a page, newest first. A deep page costs as much as the first one.

        Raises:
            Invalid: the cursor was not made by this method.
        """
        after = read_cursor(cursor) if cursor else None
        if not filters.states:
            return Page([], None)  # such as sync requests with a callback
        plan = await self._plan(filters)
        if not plan.states:
            return Page([], None)
        rows = await self._read(_page(plan, limit + 1, after))
        if len(rows) > limit:
            return Page(rows[:limit], write_cursor(rows[limit - 1].created_at, rows[limit - 1].id))
        return Page(rows, await self._cursor_of_further_search(plan, after) if plan.check else None)

    async def counts(self, filters: Filters) -> Counts:
        """Count, each state up to `COUNTED_MAX`; by a text that no index knows, among the newest `SEARCHED_MAX`."""
        if not filters.states:
            return _counts([], exact=True)
        plan = await self._plan(filters)
        if not plan.states:
            return _counts([], exact=True)
        rows = await self._read(_counting(plan))
        if plan.check:
            return _counts(rows, exact=sum(row.looked_at for row in rows) < SEARCHED_MAX)
        return _counts(rows, exact=all(row.number <= COUNTED_MAX for row in rows))

    async def _plan(self, filters: Filters) -> Plan:
        """Look what the text is: it names requests, or receivers begin with it; otherwise it is searched for."""
        if filters.text is None:
            return plan_for(filters)
        if ids := [row.id for row in await self._read(_named(filters.text))]:
            return Plan(filters=filters, ids=ids)
        url = UrlBeginning.of(filters.text)
        if url is None or url.receiver is not None or filters.receiver or filters.error_code:
            return plan_for(filters)
        found = [row.receiver for row in await self._read(_receivers(url))]
        return plan_for(filters, found if len(found) <= RECEIVERS_MAX else None)

    async def _cursor_of_further_search(self, plan: Plan, after: After | None) -> str | None:
        """Point behind the last request that was looked at, if a search stopped before it had seen all."""
        last = await self._read(newest(plan, SEARCHED_MAX, after).offset(SEARCHED_MAX - 1))
        return write_cursor(last[0].created_at, last[0].id) if last else None


def _page(plan: Plan, limit: int, after: After | None) -> Select[Any]:
    """Read a page; one that has to look at requests looks at no more than `SEARCHED_MAX`."""
    if plan.check is None:
        page = newest(plan, limit, after).subquery()
        query = select(*LISTED).join(page, R.id == page.c.id)
        return query.order_by(R.created_at.desc(), R.id.desc())
    # Whole rows come in the order of the page, so that PostgreSQL stops at the one that fills it.
    searched = newest(plan, SEARCHED_MAX, after, LISTED).subquery()
    found = select(*searched.c).where(plan.check(searched.c))
    return found.order_by(searched.c.created_at.desc(), searched.c.id.desc()).limit(limit)


def newest(plan: Plan, limit: int, after: After | None, columns: Sequence[ColumnElement[Any]] = _KEYSET) -> Select[Any]:
    """Merge one range of an index for each state that is open: of each no more than `limit` entries are read."""
    ranges = list(_ranges(plan, limit, after, columns))
    if len(ranges) == 1:
        return ranges[0]
    merged = union_all(*(select(one.subquery()) for one in ranges)).subquery()
    return select(*merged.c).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(limit)


def _ranges(
    plan: Plan, limit: int, after: After | None, columns: Sequence[ColumnElement[Any]], *, always_by_state: bool = False
) -> Iterator[Select[Any]]:
    behind = [tuple_(R.created_at, R.id) < tuple_(*after)] if after else []
    wanted = [IN_HISTORY, *plan.filters.times, *behind]
    leading = [] if plan.leading is None else [plan.leading]
    if plan.ids is not None:
        leading = [R.id.in_(plan.ids)]
    elif not (leading or plan.receivers is not None or plan.filters.by_state or always_by_state):
        yield _newest_first(select(*columns).where(*wanted), limit)
        return
    for mode, status, callback_status in plan.states:
        state = [R.mode == mode, R.status == status, R.callback_status == callback_status]
        if callback_status not in (None, CallbackStatus.PENDING):
            state.append(R.callback_status != _PENDING)
        if plan.receivers is None:
            # Named although it is the same for all: for PostgreSQL `IS NULL` does not make a column constant, and it
            # would sort the whole range instead of following the index.
            found = select(*columns).where(*leading, *state, *wanted).order_by(R.callback_status.desc())
            yield _newest_first(found, limit)
        else:
            yield _of_receivers(plan.receivers, select(*columns).where(*state, *wanted), limit)


def _of_receivers(receivers: Sequence[str], query: Select[Any], limit: int) -> Select[Any]:
    """Read one range for each receiver."""
    # Derived: as a plain alias PostgreSQL would read the column as a cast to its type of that name, and use no index.
    names = func.unnest(literal(list(receivers), ARRAY(String))).table_valued("wanted").render_derived(name="names")
    found = _newest_first(query.where(R.receiver == names.c.wanted).correlate(names), limit).lateral()
    return select(*found.c).select_from(names.join(found, true())).limit(len(receivers) * limit)


def _newest_first(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(R.created_at.desc(), R.id.desc()).limit(limit)


def _counting(plan: Plan) -> Select[Any]:
    """Count by state, and how many were looked at."""
    wanted: Any = true()
    if plan.check is not None:
        seen = newest(plan, SEARCHED_MAX, None, LISTED).subquery()
        wanted = plan.check(seen.c)
    else:
        ranges = _ranges(plan, COUNTED_MAX + 1, None, (*_KEYSET, *_STATE), always_by_state=True)
        seen = union_all(*(select(one.subquery()) for one in ranges)).subquery()
    state = (seen.c.mode, seen.c.status, seen.c.callback_status)
    number, looked_at = func.count().filter(wanted).label("number"), func.count().label("looked_at")
    return select(*state, number, looked_at).group_by(*state)


def _counts(rows: Sequence[Row[Any]], *, exact: bool) -> Counts:
    counts = Counts(dict.fromkeys(Status, 0), dict.fromkeys(CallbackStatus, 0), exact)
    for row in rows:
        number = min(row.number, COUNTED_MAX)
        counts.by_status[Status(row.status)] += number
        if row.callback_status is not None:
            counts.by_callback_status[CallbackStatus(row.callback_status)] += number
    return counts


def _named(name: str) -> Select[Any]:
    """Find the requests that a text names: by their id, or by the key that they came with."""
    arms = []
    if (request_id := _as_id(name)) is not None:
        arms.append(select(R.id).where(R.id == request_id, IN_HISTORY))
    if name.isascii() and len(name) <= KEY_CHARS_MAX:
        with_key = select(R.id).where(R.idempotency_key == name, IN_HISTORY).limit(SAME_KEY_MAX)
        # What is open is not in the index of keys: it is looked through, and there is a limit to how much waits.
        is_open = and_(R.mode == Mode.ASYNC, R.status.in_(Status), R.callback_status == CallbackStatus.PENDING)
        arms += [with_key.where(is_open), with_key.where(R.callback_status.is_distinct_from(_PENDING))]
    if not arms:
        return select(R.id).where(R.id.in_(()))
    named = union(*(select(arm.subquery()) for arm in arms)).subquery()
    return select(named.c.id)


def _as_id(name: str) -> UUID | None:
    try:
        request_id = UUID(name)
    except ValueError:
        return None
    return request_id if str(request_id) == name.lower() else None


def _receivers(url: UrlBeginning) -> Executable:
    return text(statements.RECEIVERS_BEGINNING).bindparams(first=url.text, end=url.end, limit=RECEIVERS_MAX + 1)
