"""The history: filtered pages and counts of requests.

Every query reads a bounded number of index entries and rows, whatever the filters and the size of the history.
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
    any_,
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
from src.services.identity.caller import View
from src.services.requests import statements
from src.services.requests.cursors import read_cursor, write_cursor
from src.services.requests.filters import Filters, Plan, UrlBeginning, plan_for, plan_of_batch
from src.services.requests.visible import visible

#: Requests that one search scans; the cursor continues behind them.
SEARCHED_MAX = 10_000
#: Counts of each state stop here.
COUNTED_MAX = 10_000
#: Requests with the same idempotency key, of several callers or days, that are found.
SAME_KEY_MAX = 1_000
#: If more receivers have the text as prefix, requests are scanned instead.
RECEIVERS_MAX = 20
KEY_CHARS_MAX = 255

R = RequestModel
#: The columns of a list: everything but the result.
LISTED = [column for column in R.__table__.columns if column.name != "result_payload"]
_KEYSET = (R.__table__.c.id, R.__table__.c.created_at)
_STATE = (R.__table__.c.mode, R.__table__.c.status, R.__table__.c.callback_status)
#: Requests of benchmark runs are processed like any other, but do not appear in the history.
IN_HISTORY = R.run_id.is_(None)
#: A literal: with a parameter, PostgreSQL cannot prove that a partial index covers the rows.
_PENDING: ColumnElement[str] = literal_column("'PENDING'")

Read = Callable[[Executable], Awaitable[Sequence[Row[Any]]]]
After = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of requests, newest first, and the cursor of the next page, if there is one."""

    requests: Sequence[Row[Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of requests, by status."""

    by_status: dict[Status, int]
    by_callback_status: dict[CallbackStatus, int]
    #: False: the numbers are lower bounds.
    exact: bool

    @property
    def total(self) -> int:
        """Number of all requests."""
        return sum(self.by_status.values())


class History:
    """The queries of the history.

    Args:
        read: runs a query.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    async def page(self, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Return a page, newest first. A deep page costs as much as the first one.

        Raises:
            Invalid: the cursor is malformed.
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
        """Count requests by status, up to `COUNTED_MAX` each; without an index, among the newest `SEARCHED_MAX`."""
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
        """Classify the text: an id or key of requests, a prefix of receivers, or a text to scan for."""
        if filters.text is None:
            return plan_for(filters) if filters.batch_id is None else plan_of_batch(filters)
        if ids := [row.id for row in await self._read(_named(filters.text, filters.view))]:
            return Plan(filters=filters, ids=ids)
        if filters.batch_id is not None:
            return plan_of_batch(filters)
        url = UrlBeginning.of(filters.text)
        if url is None or url.receiver is not None or filters.receiver or filters.error_code:
            return plan_for(filters)
        found = [row.receiver for row in await self._read(_receivers(url))]
        return plan_for(filters, found if len(found) <= RECEIVERS_MAX else None)

    async def _cursor_of_further_search(self, plan: Plan, after: After | None) -> str | None:
        """Return the cursor behind the last request that was scanned, if the scan ended before the history did."""
        last = await self._read(newest(plan, SEARCHED_MAX, after).offset(SEARCHED_MAX - 1))
        return write_cursor(last[0].created_at, last[0].id) if last else None


def _page(plan: Plan, limit: int, after: After | None) -> Select[Any]:
    """Return the query of a page; if it has to scan requests, it scans up to `SEARCHED_MAX`."""
    if plan.check is None:
        page = newest(plan, limit, after).subquery()
        query = select(*LISTED).join(page, R.id == page.c.id)
        return query.order_by(R.created_at.desc(), R.id.desc())
    # Complete rows in the order of the page, so that PostgreSQL stops at the one that fills it.
    searched = newest(plan, SEARCHED_MAX, after, LISTED).subquery()
    found = select(*searched.c).where(plan.check(searched.c))
    return found.order_by(searched.c.created_at.desc(), searched.c.id.desc()).limit(limit)


def newest(plan: Plan, limit: int, after: After | None, columns: Sequence[ColumnElement[Any]] = _KEYSET) -> Select[Any]:
    """Merge one index range per matching state; up to `limit` entries are read of each."""
    ranges = list(_ranges(plan, limit, after, columns))
    if len(ranges) == 1:
        return ranges[0]
    merged = union_all(*(select(one.subquery()) for one in ranges)).subquery()
    return select(*merged.c).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(limit)


def _ranges(
    plan: Plan, limit: int, after: After | None, columns: Sequence[ColumnElement[Any]], *, always_by_state: bool = False
) -> Iterator[Select[Any]]:
    behind = [tuple_(R.created_at, R.id) < tuple_(*after)] if after else []
    wanted = [IN_HISTORY, *plan.filters.bounds, *behind]
    leading = [] if plan.leading is None else [plan.leading]
    if plan.filters.batch_id is not None:
        yield _newest_first(select(*columns).where(*wanted, *_in_batch(plan)), limit)
        return
    if plan.ids is not None and plan.filters.priority is not None:
        wanted.append(R.priority == plan.filters.priority)
    if plan.ids is not None:
        leading = [R.id.in_(plan.ids), *plan.filters.about_callbacks]
    elif not (leading or plan.receivers is not None or plan.filters.by_state or always_by_state):
        yield _newest_first(select(*columns).where(*wanted), limit)
        return
    for mode, status, callback_status in plan.states:
        state = [R.mode == mode, R.status == status, R.callback_status == callback_status]
        if callback_status not in (None, CallbackStatus.PENDING):
            state.append(R.callback_status != _PENDING)
        if plan.receivers is None:
            # Sorted by a column that is the same in all rows: to PostgreSQL, `IS NULL` does not make a column constant,
            # and it would sort the whole range instead of following the index.
            found = select(*columns).where(*leading, *state, *wanted).order_by(R.callback_status.desc())
            yield _newest_first(found, limit)
        else:
            yield _of_receivers(plan.receivers, select(*columns).where(*state, *wanted), limit)


def _in_batch(plan: Plan) -> list[ColumnElement[bool]]:
    """Return the conditions on the requests of one batch."""
    filters = plan.filters
    # As an array of ids, so that PostgreSQL does not look for them along an index of the whole history.
    entries = func.array(select(R.id).where(R.batch_id == filters.batch_id).scalar_subquery())
    columns = {R.mode: filters.mode, R.status: filters.status, R.callback_status: filters.callback_status}
    equal = [column == wanted for column, wanted in columns.items() if wanted is not None]
    named = [] if plan.ids is None else [R.id.in_(plan.ids)]
    urgent = [] if filters.priority is None else [R.priority == filters.priority]
    return [R.id == any_(entries), *equal, *named, *urgent, *filters.about_callbacks]


def _of_receivers(receivers: Sequence[str], query: Select[Any], limit: int) -> Select[Any]:
    """Return a query of one index range per receiver."""
    # Derived: with a plain alias PostgreSQL would parse the column as a cast to a type of that name, and use no index.
    names = func.unnest(literal(list(receivers), ARRAY(String))).table_valued("wanted").render_derived(name="names")
    found = _newest_first(query.where(R.receiver == names.c.wanted).correlate(names), limit).lateral()
    return select(*found.c).select_from(names.join(found, true())).limit(len(receivers) * limit)


def _newest_first(query: Select[Any], limit: int) -> Select[Any]:
    return query.order_by(R.created_at.desc(), R.id.desc()).limit(limit)


def _counting(plan: Plan) -> Select[Any]:
    """Return the query that counts matching and scanned requests by state."""
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


def _named(name: str, view: View) -> Select[Any]:
    """Return the query for the requests with a text as id or idempotency key."""
    arms = []
    if (request_id := _as_id(name)) is not None:
        arms.append(select(R.id).where(R.id == request_id, IN_HISTORY, *visible(view)))
    if name.isascii() and len(name) <= KEY_CHARS_MAX:
        with_key = select(R.id).where(R.idempotency_key == name, IN_HISTORY, *visible(view)).limit(SAME_KEY_MAX)
        # Unfinished requests are not in the index of keys: they are scanned; their number is limited.
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
