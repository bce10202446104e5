"""The API: submit, look, deliver again, delete, download. Each operation calls one controller."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Row

from src import failpoints
from src.controllers import async_controller, requests_controller, sync_controller
from src.models import Mode, Status
from src.routes.http.dependencies import (
    KEY_HEADER,
    PartsDependency,
    RequestIdDependency,
    ViewDependency,
    caller_of,
    idempotency_key_of,
    parts_of,
)
from src.routes.http.filters import FiltersDependency
from src.routes.http.paging import LINK_HEADER, link_to_next
from src.routes.http.prefer import APPLIED_HEADER, PREFER_HEADER, RESPOND_ASYNC_HEADER, preferences_in
from src.routes.http.problems import responses
from src.routes.http.strict_json import DirectRoute, OptionalBodyRoute
from src.routes.http.strict_query import PlainRoute
from src.routes.http.waiting import held
from src.routes.wire import views
from src.routes.wire.callback_logs import CallbackLogs
from src.routes.wire.explanations import Explanation
from src.routes.wire.requests import (
    AcceptedAnswer,
    AllDeletedAnswer,
    AsyncRequest,
    CancelRequest,
    DeletedAnswer,
    DuplicateAnswer,
    FailedAnswer,
    RedeliverAnswer,
    ReportRequest,
    ReportResult,
    RequestCounts,
    RequestDetail,
    RequestList,
)
from src.services.report_generator import ReportParameters
from src.services.requests.filters import Filters
from src.services.requests.records import Duplicate, IdempotencyKey

LIST_LIMIT_MAX = 200
CURSOR_LENGTH_MAX = 200
USED_BEFORE = "This idempotency key was used before; no new work was begun."
CANCELLED_BEFORE = "This idempotency key was used before, and that request was cancelled; no new work was begun."

submitting = APIRouter(prefix="/api", tags=["Submit"], route_class=DirectRoute)
managing = APIRouter(prefix="/api", tags=["Requests"], route_class=PlainRoute)
cancelling = APIRouter(prefix="/api", tags=["Requests"], route_class=OptionalBodyRoute)
demo_managing = APIRouter(prefix="/api", tags=["Requests"], route_class=PlainRoute)

SENT_LATER = "Accepted. The result will be sent to the callback URL."
READ_LATER = "Accepted. The result will be at the status URL."
#: Without a body.
CANCEL = CancelRequest()

DUPLICATE: dict[int | str, dict[str, Any]] = {
    200: {
        "model": DuplicateAnswer,
        "description": "The idempotency key was used before with the same body.",
        "headers": {
            "Idempotent-Replayed": {"schema": {"type": "string"}, "description": "`true`"},
            "Location": {"schema": {"type": "string"}, "description": "Where the request is."},
        },
    }
}

ENDED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": DuplicateAnswer | ReportResult | FailedAnswer,
        "description": "The idempotency key was used before with the same body; or, with `Prefer: wait=N`, the report"
        " has ended in time.",
        "headers": {**DUPLICATE[200]["headers"], **APPLIED_HEADER},
    }
}


LATER: dict[int | str, dict[str, Any]] = {
    202: {
        "model": AcceptedAnswer,
        "description": "With `Prefer: respond-async`: the request is durable and has its place in the queue.",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "Where the request is."},
            **APPLIED_HEADER,
        },
    }
}


def _key(request: Request, route: str, body: ReportRequest | AsyncRequest) -> IdempotencyKey | None:
    key = idempotency_key_of(request)
    return IdempotencyKey.of(caller_of(request), route, key, body.model_dump(mode="json")) if key else None


@submitting.post(
    "/sync",
    response_model=ReportResult | DuplicateAnswer | FailedAnswer,
    responses={200: {"headers": ENDED[200]["headers"]}, **LATER, **responses(400, 409, 413, 415, 422, 429, 503)},
    openapi_extra={"parameters": [*KEY_HEADER["parameters"], RESPOND_ASYNC_HEADER]},
)
async def submit_sync_report(body: ReportRequest, request: Request) -> Response:
    """Generate a report and answer when it exists: the connection is held all the way.

    With `Prefer: respond-async` it is accepted as by `POST /api/async`, without a callback and up to the size of an
    async report.
    """
    parts = parts_of(request)
    if preferences_in(request.scope).respond_async:
        return await _generate_later(body, request)
    sync_controller.check_size(
        body.num_transactions, at_most=parts.sync_max_transactions, async_at_most=parts.async_max_transactions
    )
    key = _key(request, sync_controller.SYNC_ROUTE, body)
    parameters = ReportParameters.of(body, parts.now().date())
    outcome = await sync_controller.generate_now(parts.sync, caller_of(request), parameters, key)
    return _replay(outcome) if isinstance(outcome, Duplicate) else _json(outcome)


@submitting.post(
    "/async",
    status_code=202,
    response_model=AcceptedAnswer,
    responses={202: {"headers": LATER[202]["headers"]}, **ENDED, **responses(400, 413, 415, 422, 429, 503)},
    openapi_extra={"parameters": [*KEY_HEADER["parameters"], PREFER_HEADER]},
)
async def submit_async_report(body: AsyncRequest, request: Request) -> Response:
    """Accept a report at once; it is generated in order and delivered to the callback URL, if there is one.

    With `Prefer: wait=N` the answer waits up to N seconds for the report: then it is 200 with the result, else the
    usual 202. The callback is sent all the same.
    """
    parts = parts_of(request)
    async_controller.check_size(body.payload.num_transactions, at_most=parts.async_max_transactions)
    key = _key(request, async_controller.ASYNC_ROUTE, body)
    return await _accept(body, request, key)


async def _generate_later(body: ReportRequest, request: Request) -> Response:
    """Accept at the route for sync reports what is to be generated as an async one."""
    at_most = parts_of(request).async_max_transactions
    async_controller.check_size(body.num_transactions, at_most=at_most, pointer="/num_transactions")
    key = _key(request, sync_controller.SYNC_ROUTE, body)
    return await _accept(AsyncRequest(payload=body), request, key, "respond-async")


async def _accept(body: AsyncRequest, request: Request, key: IdempotencyKey | None, *applied: str) -> Response:
    parts = parts_of(request)
    now = parts.now()
    parameters = ReportParameters.of(body.payload, now.date())
    with held(request, *applied) as hold:
        outcome = await async_controller.accept(
            parts.batcher, caller_of(request), parameters, body.callback_url, key, now, body.priority
        )
        ended = await hold.until_ended(outcome.request_id)
    if isinstance(outcome, Duplicate):
        return _replay(_as_it_ended(outcome, ended) if ended else outcome, hold.headers)
    if ended:
        return _json(views.result(ended), 200, {"location": _status_url(outcome.request_id), **hold.headers})
    status_url = _status_url(outcome.request_id)
    answer = {
        "request_id": str(outcome.request_id),
        "queue_position": outcome.queue_position,
        "status": "pending",
        "message": SENT_LATER if body.callback_url else READ_LATER,
        "status_url": status_url,
    }
    failpoints.reached("before_202")
    return _json(answer, 202, {"location": status_url, **hold.headers})


@managing.get("/requests", response_model=RequestList, responses={200: {"headers": LINK_HEADER}, **responses(422, 503)})
async def list_requests(
    parts: PartsDependency,
    response: Response,
    request: Request,
    view: ViewDependency,
    filters: FiltersDependency,
    limit: Annotated[int, Query(ge=1, le=LIST_LIMIT_MAX, description="Requests on a page.")] = 50,
    cursor: Annotated[
        str | None,
        Query(min_length=1, max_length=CURSOR_LENGTH_MAX, description="`next_cursor` of the page before."),
    ] = None,
) -> RequestList:
    """List requests, newest first. A deep page is as fast as the first one."""
    page = await requests_controller.list_requests(parts, filters, limit, cursor)
    link_to_next(request, response, page.next_cursor)
    return RequestList(requests=[views.item(row, view) for row in page.requests], next_cursor=page.next_cursor)


@managing.get("/requests/counts", response_model=RequestCounts, responses=responses(422, 503))
async def count_requests(parts: PartsDependency, filters: FiltersDependency) -> RequestCounts:
    """Count requests by their states: each state exactly up to 10,000.

    By a `q` that no index finds the newest 10,000 requests are looked at.
    """
    return RequestCounts.model_validate(await requests_controller.count_requests(parts, filters))


@managing.get(
    "/requests/{request_id}",
    response_model=RequestDetail,
    responses={200: {"headers": APPLIED_HEADER}, **responses(404, 503)},
    openapi_extra={"parameters": [PREFER_HEADER]},
)
async def get_request(
    request_id: RequestIdDependency,
    parts: PartsDependency,
    view: ViewDependency,
    request: Request,
    response: Response,
) -> RequestDetail:
    """Read everything about one request; with `Prefer: wait=N` as soon as its report has ended, or after N seconds."""
    with held(request) as hold:
        if hold.wait_s:  # what is not visible is not waited for
            await requests_controller.get_request(parts, view, request_id)
        ended = await hold.until_ended(request_id)
    # What woke the call was read for all who wait; it need not be read again for each.
    row, place_in_line, pause = (
        (ended, None, None) if ended else await requests_controller.get_request(parts, view, request_id)
    )
    response.headers.update(hold.headers)
    return views.detail(row, view, place_in_line, parts.engine.state().trouble, pause)


@managing.get("/requests/{request_id}/callback-logs", response_model=CallbackLogs, responses=responses(404, 503))
async def get_callback_logs(
    request_id: RequestIdDependency, parts: PartsDependency, view: ViewDependency
) -> CallbackLogs:
    """Read every attempt to deliver a request's callback: what was sent, what was answered, what followed."""
    attempts = await requests_controller.get_callback_logs(parts, view, request_id)
    logs = [views.log(*attempt) for attempt in attempts]
    return CallbackLogs(request_id=request_id, total_attempts=len(logs), logs=logs)


@managing.get("/requests/{request_id}/explain", response_model=Explanation, responses=responses(404, 503))
async def explain_request(request_id: RequestIdDependency, parts: PartsDependency, view: ViewDependency) -> Explanation:
    """Tell where a request's time went, and because of whom: others' requests are counted, not named."""
    return Explanation.of(request_id, await requests_controller.explain_request(parts, view, request_id))


@managing.post(
    "/requests/{request_id}/redeliver",
    status_code=202,
    response_model=RedeliverAnswer,
    responses=responses(404, 409, 429, 503),
)
async def redeliver_callback(
    request_id: RequestIdDependency, parts: PartsDependency, view: ViewDependency
) -> RedeliverAnswer:
    """Send the callback of a finished request again, with the same `webhook-id`."""
    await requests_controller.redeliver(parts, view, request_id)
    return RedeliverAnswer(request_id=request_id, status="pending", message="The callback will be sent again.")


@cancelling.post(
    "/requests/{request_id}/cancel",
    response_model=RequestDetail,
    responses=responses(400, 404, 409, 413, 415, 422, 503),
)
async def cancel_request(
    request_id: RequestIdDependency,
    parts: PartsDependency,
    view: ViewDependency,
    body: CancelRequest = CANCEL,
) -> RequestDetail:
    """Cancel a request: it is never run, its generation stops, or its callback is not sent any more.

    Once this is answered no attempt to deliver the report begins; one that is under way ends, and is logged. A report
    that has ended stays, and its callback alone is cancelled. Cancelling again changes nothing; where the callback has
    ended, too, it is 409 `already-ended`.
    """
    await requests_controller.cancel(parts, view, request_id, notify=body.notify)
    row, place_in_line, pause = await requests_controller.get_request(parts, view, request_id)
    return views.detail(row, view, place_in_line, parts.engine.state().trouble, pause)


@managing.delete("/requests/{request_id}", response_model=DeletedAnswer, responses=responses(404, 409, 503))
async def delete_request(
    request_id: RequestIdDependency, parts: PartsDependency, view: ViewDependency
) -> DeletedAnswer:
    """Delete a request with its callback log and its file. One that waits is never run."""
    await requests_controller.delete_request(parts, view, request_id)
    return DeletedAnswer(deleted=True, id=request_id)


@demo_managing.delete("/requests", response_model=AllDeletedAnswer, responses=responses(422, 503))
async def delete_all_requests(parts: PartsDependency, filters: FiltersDependency) -> AllDeletedAnswer:
    """Delete every request that is not being processed, or those of them that match the filters of the list."""
    if filters == Filters(view=filters.view):
        count = await requests_controller.delete_all(parts, filters.view)
    else:
        count = await requests_controller.delete_matching(parts, filters)
    return AllDeletedAnswer(deleted=True, count=count)


def _replay(duplicate: Duplicate, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    answer = {
        "status": "duplicate",
        "request_id": str(duplicate.request_id),
        "queue_position": duplicate.queue_position,
        "message": CANCELLED_BEFORE if duplicate.status is Status.CANCELLED else USED_BEFORE,
        "original_result": duplicate.result,
    }
    headers = {"idempotent-replayed": "true", **headers}
    if duplicate.mode is Mode.ASYNC:
        answer["status_url"] = headers["location"] = _status_url(duplicate.request_id)
    return _json(answer, 200, headers)


def _as_it_ended(duplicate: Duplicate, ended: Row[Any]) -> Duplicate:
    return replace(duplicate, status=Status(ended.status), result=ended.result_payload)


def _status_url(request_id: UUID) -> str:
    return f"/api/requests/{request_id}"


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    # What is answered was built here or read from our own table: there is nothing a model could still check.
    return Response(orjson.dumps(content), status, headers, "application/json")
