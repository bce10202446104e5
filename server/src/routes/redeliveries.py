"""Delivering many callbacks again, at a limited rate."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from src.controllers import redeliveries_controller
from src.controllers.redeliveries_controller import REDELIVERIES_ROUTE
from src.errors import NotFound
from src.routes.http.dependencies import (
    KEY_HEADER,
    ListedViewDependency,
    PartsDependency,
    caller_of,
    idempotency_key_of,
    request_id_in,
)
from src.routes.http.paging import link_to_next
from src.routes.http.problems import responses
from src.routes.http.strict_json import StrictRoute
from src.routes.wire import views
from src.routes.wire.redeliveries import (
    Redelivery,
    RedeliveryList,
    RedeliveryPreview,
    RedeliveryRequest,
    RedeliveryStarted,
)
from src.services.requests.records import IdempotencyKey

LIST_LIMIT_MAX = 100
CURSOR_LENGTH_MAX = 200

router = APIRouter(prefix="/api", tags=["Requests"], route_class=StrictRoute)

STARTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "A dry run: what matches. With a key that came before: the redelivery it started."},
    202: {
        "model": RedeliveryStarted,
        "description": "It is under way.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to watch it."}},
    },
}


async def _redelivery_id(redelivery_id: Annotated[str, Path(description="The id of a redelivery.")]) -> UUID:
    found = request_id_in(redelivery_id)
    if found is None:
        raise NotFound("There is no redelivery with this id.")
    return found


RedeliveryId = Annotated[UUID, Depends(_redelivery_id)]


@router.post(
    "/redeliveries",
    response_model=RedeliveryPreview | RedeliveryStarted,
    responses={**STARTED, **responses(400, 409, 413, 415, 422, 429, 503)},
    openapi_extra=KEY_HEADER,
)
async def redeliver_many(
    body: RedeliveryRequest, request: Request, response: Response, parts: PartsDependency
) -> RedeliveryPreview | RedeliveryStarted:
    """Deliver again every callback that has ended and matches; `dry_run`, the default, only counts them.

    They are due again in queue order, no faster than `REDELIVERY_RATE` (and, without credentials, than
    `RATE_LIMIT_ASYNC`), under the `webhook-id` they had. One redelivery at a time; at most 100,000 callbacks.
    """
    caller = caller_of(request)
    if body.dry_run:
        matching = await redeliveries_controller.look(parts.redeliveries, caller, body.filter.wanted)
        return RedeliveryPreview(
            count=matching.count,
            by_receiver=matching.by_receiver,
            sample=[views.item(row, caller.view) for row in matching.sample],
        )
    given = idempotency_key_of(request)
    told = body.model_dump(mode="json", exclude_unset=True)
    key = IdempotencyKey.of(caller, REDELIVERIES_ROUTE, given, told) if given else None
    state, was_known = await redeliveries_controller.begin(
        parts.redeliveries, parts.redelivering, caller, body.filter.wanted, body.expected_count, key, parts.now()
    )
    status_url = f"{REDELIVERIES_ROUTE}/{state.row.id}"
    response.status_code = 200 if was_known else 202
    response.headers["location"] = status_url
    if was_known:
        response.headers["idempotent-replayed"] = "true"
    return RedeliveryStarted(id=state.row.id, count=state.row.count, status=state.row.status, status_url=status_url)


@router.get("/redeliveries", response_model=RedeliveryList, responses=responses(422, 503))
async def list_redeliveries(
    request: Request,
    response: Response,
    parts: PartsDependency,
    view: ListedViewDependency,
    limit: Annotated[int, Query(ge=1, le=LIST_LIMIT_MAX, description="Redeliveries on a page.")] = 20,
    cursor: Annotated[
        str | None,
        Query(min_length=1, max_length=CURSOR_LENGTH_MAX, description="`next_cursor` of the page before."),
    ] = None,
) -> RedeliveryList:
    """List the bulk redeliveries that are kept, newest first: the last 100, and those of the last day."""
    states, next_cursor = await redeliveries_controller.list_all(parts.redeliveries, view, limit, cursor)
    link_to_next(request, response, next_cursor)
    return RedeliveryList(redeliveries=[Redelivery.of(state) for state in states], next_cursor=next_cursor)


@router.get("/redeliveries/{redelivery_id}", response_model=Redelivery, responses=responses(404, 503))
async def get_redelivery(redelivery_id: RedeliveryId, request: Request, parts: PartsDependency) -> Redelivery:
    """Read how a bulk redelivery goes."""
    return Redelivery.of(await redeliveries_controller.get(parts.redeliveries, caller_of(request), redelivery_id))


@router.post("/redeliveries/{redelivery_id}/cancel", response_model=Redelivery, responses=responses(404, 409, 503))
async def cancel_redelivery(redelivery_id: RedeliveryId, request: Request, parts: PartsDependency) -> Redelivery:
    """Leave out what is not queued yet. What is queued is still delivered; again: the same answer."""
    caller, now = caller_of(request), parts.now()
    return Redelivery.of(await redeliveries_controller.cancel(parts.redeliveries, caller, redelivery_id, now))
