"""Batches: many reports accepted together, and how they stand."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from sqlalchemy import Row

from src import failpoints
from src.controllers import batch_controller
from src.controllers.batch_controller import BATCH_ROUTE
from src.errors import NotFound
from src.routes.http.dependencies import (
    KEY_HEADER,
    ListedViewDependency,
    PartsDependency,
    ViewDependency,
    caller_of,
    idempotency_key_of,
    parts_of,
    request_id_in,
)
from src.routes.http.paging import link_to_next
from src.routes.http.problems import responses
from src.routes.http.strict_json import DirectRoute, OptionalBodyRoute
from src.routes.http.strict_query import PlainRoute
from src.routes.middleware.rate_limits import counted_of
from src.routes.wire import views
from src.routes.wire.batches import (
    Batch,
    BatchAccepted,
    BatchCallbackLogs,
    BatchEntries,
    BatchEntry,
    BatchList,
    BatchRedeliverAnswer,
    BatchRequest,
    CancelBatchRequest,
)
from src.routes.wire.requests import DeletedAnswer
from src.services.identity.caller import View
from src.services.requests.batch_records import NewBatch, StoredBatch
from src.services.requests.records import IdempotencyKey

LIST_LIMIT_MAX = 100
ENTRIES_LIMIT_MAX = 200
CURSOR_LENGTH_MAX = 200
#: Larger batches are checked in a thread: it would keep the event loop for too long.
ENTRIES_ON_LOOP_MAX = 200

submitting = APIRouter(prefix="/api", tags=["Submit"], route_class=DirectRoute)
cancelling = APIRouter(prefix="/api", tags=["Batches"], route_class=OptionalBodyRoute)
router = APIRouter(prefix="/api", tags=["Batches"], route_class=PlainRoute)

Limit = Annotated[int, Query(ge=1, le=LIST_LIMIT_MAX, description="Batches on a page.")]
EntriesLimit = Annotated[int, Query(ge=1, le=ENTRIES_LIMIT_MAX, description="Requests on a page.")]
Cursor = Annotated[
    str | None, Query(min_length=1, max_length=CURSOR_LENGTH_MAX, description="`next_cursor` of the page before.")
]

#: Without a body.
CANCEL = CancelBatchRequest()

DUPLICATE: dict[int | str, dict[str, Any]] = {
    200: {
        "model": BatchAccepted,
        "description": "The idempotency key was used before with the same body; `status` is `duplicate`.",
        "headers": {
            "Idempotent-Replayed": {"schema": {"type": "string"}, "description": "`true`"},
            "Location": {"schema": {"type": "string"}, "description": "Where the batch is."},
        },
    }
}
STORED: dict[int | str, dict[str, Any]] = {
    202: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Where the batch is."}}}
}


BATCH_ID = Path(description="The id of a batch.")


async def _batch_id(batch_id: Annotated[str, BATCH_ID]) -> UUID:
    found = request_id_in(batch_id)
    if found is None:
        raise NotFound("There is no batch with this id.")
    return found


BatchId = Annotated[UUID, Depends(_batch_id)]


@submitting.post(
    "/batch",
    status_code=202,
    response_model=BatchAccepted,
    responses={**STORED, **DUPLICATE, **responses(400, 413, 415, 422, 429, 503)},
    openapi_extra=KEY_HEADER,
)
async def submit_batch(body: BatchRequest, request: Request) -> Response:
    """Accept 1 to 1,000 reports at once: all of them or none, at consecutive places in the queue.

    Each counts against `RATE_LIMIT_ASYNC`: what fits later is 429 with a `Retry-After` that fits, what never does is
    422. A batch that is refused counts as one. Faults are all named (100 at most), as `/requests/17/payload/seed`.
    """
    counted = counted_of(request.scope)

    async def count() -> None:
        if counted is not None:
            await counted.more(len(body.requests) - 1)

    batch = (
        _prepared(body, request)
        if len(body.requests) <= ENTRIES_ON_LOOP_MAX
        else await asyncio.to_thread(_prepared, body, request)
    )
    stored = await batch_controller.submit(parts_of(request).batches.accepter, batch, count)
    status_url = f"/api/batches/{stored.batch_id}"
    headers = {"location": status_url, **({"idempotent-replayed": "true"} if stored.is_duplicate else {})}
    failpoints.reached("before_202")
    return Response(
        orjson.dumps(_answer(stored, status_url)), 200 if stored.is_duplicate else 202, headers, "application/json"
    )


@router.get("/batches", response_model=BatchList, responses=responses(422, 503))
async def list_batches(
    request: Request,
    response: Response,
    parts: PartsDependency,
    view: ListedViewDependency,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> BatchList:
    """List batches, newest first."""
    states, next_cursor = await batch_controller.list_batches(parts.batches.store, view, limit, cursor)
    link_to_next(request, response, next_cursor)
    return BatchList(batches=[Batch.of(state) for state in states], next_cursor=next_cursor)


@router.get("/batches/{batch_id}", response_model=Batch, responses=responses(404, 503))
async def get_batch(batch_id: BatchId, parts: PartsDependency, view: ViewDependency) -> Batch:
    """Read how a batch stands."""
    return Batch.of(await batch_controller.get_batch(parts.batches.store, view, batch_id))


@router.get("/batches/{batch_id}/requests", response_model=BatchEntries, responses=responses(404, 422, 503))
async def list_batch_requests(
    batch_id: Annotated[str, BATCH_ID],
    request: Request,
    response: Response,
    parts: PartsDependency,
    view: ViewDependency,
    limit: EntriesLimit = 100,
    cursor: Cursor = None,
) -> BatchEntries:
    """List the requests of a batch, in the order of their positions."""
    # Not by a dependency: what is wrong with the query is told first.
    page = await batch_controller.list_entries(parts.batches.store, view, await _batch_id(batch_id), limit, cursor)
    next_cursor = None if page.next_after is None else str(page.next_after)
    link_to_next(request, response, next_cursor)
    return BatchEntries(requests=[_entry(row, view, page.first_position) for row in page.rows], next_cursor=next_cursor)


@router.get("/batches/{batch_id}/callback-logs", response_model=BatchCallbackLogs, responses=responses(404, 503))
async def get_batch_callback_logs(batch_id: BatchId, parts: PartsDependency, view: ViewDependency) -> BatchCallbackLogs:
    """Read every attempt to deliver `batch.completed`: what was sent, what was answered, what followed."""
    attempts = await batch_controller.get_callback_logs(parts, view, batch_id)
    logs = [views.log(*attempt) for attempt in attempts]
    return BatchCallbackLogs(batch_id=batch_id, total_attempts=len(logs), logs=logs)


@cancelling.post(
    "/batches/{batch_id}/cancel", response_model=Batch, responses=responses(400, 404, 409, 413, 415, 422, 503)
)
async def cancel_batch(
    batch_id: BatchId, parts: PartsDependency, view: ViewDependency, body: CancelBatchRequest = CANCEL
) -> Batch:
    """Cancel every request of a batch that has not ended; where all have, the callback of the batch, if it is owed.

    Requests that have ended keep their reports and callbacks. Cancelling again changes nothing; where nothing is left
    to cancel it is 409 `already-ended`.
    """
    return Batch.of(await batch_controller.cancel(parts, view, batch_id, notify=body.notify))


@router.post(
    "/batches/{batch_id}/redeliver",
    status_code=202,
    response_model=BatchRedeliverAnswer,
    responses=responses(404, 409, 429, 503),
)
async def redeliver_batch_callback(
    batch_id: BatchId, parts: PartsDependency, view: ViewDependency
) -> BatchRedeliverAnswer:
    """Send `batch.completed` again, with the same `webhook-id` and the same body."""
    await batch_controller.redeliver(parts, view, batch_id)
    return BatchRedeliverAnswer(batch_id=batch_id, status="pending", message="The callback will be sent again.")


@router.delete("/batches/{batch_id}", response_model=DeletedAnswer, responses=responses(404, 409, 503))
async def delete_batch(batch_id: BatchId, parts: PartsDependency, view: ViewDependency) -> DeletedAnswer:
    """Delete a batch with its requests, their callback logs and files. 409 while one of them has not ended."""
    await batch_controller.delete(parts, view, batch_id)
    return DeletedAnswer(deleted=True, id=batch_id)


def _prepared(body: BatchRequest, request: Request) -> NewBatch:
    parts, caller = parts_of(request), caller_of(request)
    given = idempotency_key_of(request)
    key = IdempotencyKey.of(caller, BATCH_ROUTE, given, body.model_dump(mode="json")) if given else None
    return batch_controller.prepare(body, caller, key, parts.now(), transactions_max=parts.async_max_transactions)


def _answer(stored: StoredBatch, status_url: str) -> dict[str, Any]:
    return {
        "batch_id": str(stored.batch_id),
        "status": "duplicate" if stored.is_duplicate else "pending",
        "status_url": status_url,
        "count": stored.count,
        "first_position": stored.first_position,
        "last_position": stored.last_position,
        "requests": [
            {
                "index": member.index,
                "request_id": (request_id := str(member.request_id)),
                "queue_position": member.queue_position,
                "status_url": f"/api/requests/{request_id}",
            }
            for member in stored.members
        ],
    }


def _entry(row: Row[Any], view: View, first_position: int) -> BatchEntry:
    result = row.result_payload or {}
    return BatchEntry(
        **views.item(row, view).model_dump(),
        index=row.queue_position - first_position,
        sha256=result.get("sha256"),
        download_url=result.get("download_url"),
    )
