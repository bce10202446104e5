"""The filters of the history, the same for its pages and its counts."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError

from src.models import CallbackStatus, Mode, Priority, Status
from src.routes.http.dependencies import ListedViewDependency
from src.routes.wire.moments import Moment
from src.routes.wire.requests import CALLBACK_URL_LENGTH_MAX, PlainText
from src.services.delivery.attempts import LoggedErrorCode
from src.services.outbound.callback_url import parse_origin
from src.services.requests.filters import Filters

RECEIVER_LENGTH_MAX = 300
_TEXT = (
    "Only requests with this id or idempotency key; if there are none: those whose callback URL or receiver begins "
    "with it, where it begins with `http://` or `https://`, else those whose name contains it, in any case. What no "
    "index finds is looked for among 10,000 requests a page; the cursor goes on behind them."
)
_RECEIVER = "Only this receiver: scheme, host and port, such as `https://hooks.example.com:443`."
_MODE = Query(description="Only this mode.")
_STATUS = Query(description="Only this status of the report.")
_CALLBACK_STATUS = Query(description="Only this status of the callback.")
_PRIORITY = Query(description="Only this priority; looked for among 10,000 requests a page.")
_ERROR_CODE = Query(description="Only where the last attempt to deliver the callback failed like this.")
_BATCH = Query(description="Only the requests of this batch.")
_SINCE = Query(description="Only what was accepted at this time or later, RFC 3339.", examples=["2026-01-31T09:30:00Z"])
_UNTIL = Query(description="Only what was accepted before this time, RFC 3339.", examples=["2026-02-01T00:00:00+01:00"])


async def filters_of(
    view: ListedViewDependency,
    mode: Annotated[Mode | None, _MODE] = None,
    status: Annotated[Status | None, _STATUS] = None,
    callback_status: Annotated[CallbackStatus | None, _CALLBACK_STATUS] = None,
    priority: Annotated[Priority | None, _PRIORITY] = None,
    receiver: Annotated[
        PlainText | None, Query(min_length=1, max_length=RECEIVER_LENGTH_MAX, description=_RECEIVER)
    ] = None,
    error_code: Annotated[LoggedErrorCode | None, _ERROR_CODE] = None,
    since: Annotated[Moment | None, _SINCE] = None,
    until: Annotated[Moment | None, _UNTIL] = None,
    batch_id: Annotated[UUID | None, _BATCH] = None,
    q: Annotated[PlainText | None, Query(min_length=1, max_length=CALLBACK_URL_LENGTH_MAX, description=_TEXT)] = None,
) -> Filters:
    """Read the filters.

    Raises:
        RequestValidationError: the receiver is none, or the time ends before it begins.
    """
    if since is not None and until is not None and until <= since:
        raise _refused("until", "until comes after since")
    return Filters(
        view=view,
        mode=mode,
        status=status,
        callback_status=callback_status,
        priority=priority,
        receiver=None if receiver is None else _canonical(receiver),
        error_code=error_code,
        since=since,
        until=until,
        batch_id=batch_id,
        text=q,
    )


FiltersDependency = Annotated[Filters, Depends(filters_of)]


def _canonical(receiver: str) -> str:
    try:
        return parse_origin(receiver)
    except ValueError:
        raise _refused("receiver", "a receiver is scheme, host and port, such as http://127.0.0.1:9001") from None


def _refused(name: str, words: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("query", name), "msg": words}])
