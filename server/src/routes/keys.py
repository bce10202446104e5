"""Keys, and who is asking."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from src.controllers import keys_controller
from src.controllers.async_controller import ASYNC_ROUTE
from src.controllers.sync_controller import SYNC_ROUTE
from src.errors import NotFound
from src.routes.http.audit import note_change
from src.routes.http.dependencies import AccountFilter, CallerDependency, PartsDependency
from src.routes.http.paging import link_to_next
from src.routes.http.problems import responses
from src.routes.http.strict_json import OptionalBodyRoute, StrictRoute
from src.routes.middleware.rate_limits import Allowance, RateLimits
from src.routes.wire.keys import (
    KeyItem,
    KeyList,
    KeyRevokedAnswer,
    LimitsLeft,
    MeAnswer,
    NewKeyAnswer,
    NewKeyRequest,
    RateLeft,
    RotateRequest,
    WaitingLeft,
)
from src.services.identity.key_format import ALPHABET, ID_LENGTH
from src.services.identity.key_store import ordered

KEYS_ROUTE = "/api/keys"
LIST_LIMIT_MAX = 200
LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the key is."}}

router = APIRouter(prefix="/api", tags=["Keys"], route_class=StrictRoute)
rotating = APIRouter(prefix="/api", tags=["Keys"], route_class=OptionalBodyRoute)

KeyId = Annotated[str, Path(description="The id of a key: 8 characters, part of the key itself.")]


@router.get("/me", response_model=MeAnswer, responses=responses(503))
async def get_me(request: Request, caller: CallerDependency, parts: PartsDependency) -> MeAnswer:
    """Read who is calling: account, scopes, when the key ends, and what is left of each limit."""
    limits: RateLimits = request.app.state.rate_limits
    sync, async_ = [await limits.left(path, caller.name, caller.limits) for path in (SYNC_ROUTE, ASYNC_ROUTE)]
    return MeAnswer(
        account=caller.owner.account,
        scopes=list(ordered(caller.scopes)),
        key_id=caller.key_id,
        expires_at=caller.expires_at,
        limits=LimitsLeft(
            sync=_rate(sync),
            async_=_rate(async_),
            waiting=WaitingLeft(
                limit=caller.limits.max_pending or request.app.state.pending_per_caller_max,
                used=await parts.reader.count_waiting(caller.own_view),
            ),
        ),
    )


@router.post(
    "/keys",
    status_code=201,
    response_model=NewKeyAnswer,
    responses={201: {"headers": LOCATION}, **responses(400, 403, 409, 413, 415, 422, 503)},
)
async def create_key(
    body: NewKeyRequest, request: Request, response: Response, caller: CallerDependency, parts: PartsDependency
) -> NewKeyAnswer:
    """Create a key, which is told this once. It permits nothing that you may not do and ends no later than your key."""
    key, text = await keys_controller.create(
        parts.identity.keys,
        caller,
        account=body.account,
        name=body.name,
        scopes=body.scopes,
        expires_at=body.expires_at,
        now=parts.now(),
    )
    note_change(request, caller, f"created key {key.id} of account {key.account}")
    response.headers["location"] = f"{KEYS_ROUTE}/{key.id}"
    return NewKeyAnswer.of(key, text)


@router.get("/keys", response_model=KeyList, responses=responses(422, 503))
async def list_keys(
    request: Request,
    response: Response,
    caller: CallerDependency,
    parts: PartsDependency,
    account: AccountFilter = None,
    limit: Annotated[int, Query(ge=1, le=LIST_LIMIT_MAX, description="Keys on a page.")] = 50,
    cursor: Annotated[
        str | None, Query(min_length=1, max_length=ID_LENGTH, description="`next_cursor` of the page before.")
    ] = None,
) -> KeyList:
    """List the keys of your account, revoked and expired ones too; with `admin` those of all accounts."""
    keys, next_cursor = await keys_controller.page(parts.identity.keys, caller, account, cursor, limit)
    link_to_next(request, response, next_cursor)
    return KeyList(keys=[KeyItem.model_validate(key) for key in keys], next_cursor=next_cursor)


@router.get("/keys/{key_id}", response_model=KeyItem, responses=responses(404, 503))
async def get_key(key_id: KeyId, caller: CallerDependency, parts: PartsDependency) -> KeyItem:
    """Read what is known of a key; never the key itself."""
    return KeyItem.model_validate(await keys_controller.get(parts.identity.keys, caller, _checked(key_id)))


@rotating.post(
    "/keys/{key_id}/rotate",
    status_code=201,
    response_model=NewKeyAnswer,
    responses={201: {"headers": LOCATION}, **responses(400, 403, 404, 409, 413, 415, 422, 503)},
)
async def rotate_key(
    key_id: KeyId,
    request: Request,
    response: Response,
    caller: CallerDependency,
    parts: PartsDependency,
    body: RotateRequest | None = None,
) -> NewKeyAnswer:
    """Create a successor with the same name, account and scopes; the old key ends by itself after the overlap."""
    body = body or RotateRequest()
    key, text = await keys_controller.rotate(
        parts.identity.keys,
        caller,
        _checked(key_id),
        overlap=timedelta(hours=body.overlap_hours),
        expires_at=body.expires_at,
        now=parts.now(),
    )
    note_change(request, caller, f"rotated key {key_id} of account {key.account}, its successor is {key.id}")
    response.headers["location"] = f"{KEYS_ROUTE}/{key.id}"
    return NewKeyAnswer.of(key, text)


@router.delete("/keys/{key_id}", response_model=KeyRevokedAnswer, responses=responses(404, 409, 503))
async def revoke_key(
    key_id: KeyId, request: Request, caller: CallerDependency, parts: PartsDependency
) -> KeyRevokedAnswer:
    """Revoke a key: every server refuses it within a second, and its streams end. Again: the same answer."""
    bootstrap_id = parts.identity.authenticator.bootstrap_id
    await keys_controller.revoke(
        parts.identity.keys, caller, _checked(key_id), bootstrap_id=bootstrap_id, now=parts.now()
    )
    note_change(request, caller, f"revoked key {key_id}")
    return KeyRevokedAnswer(revoked=True, id=key_id)


def _rate(left: Allowance | None) -> RateLeft | None:
    if left is None:
        return None
    reset_s = left.reset_after_s if left.remaining < left.limit else 0
    return RateLeft(limit=left.limit, remaining=left.remaining, reset_s=reset_s)


def _checked(key_id: str) -> str:
    """Refuse what is no id before it is looked up or logged."""
    if len(key_id) != ID_LENGTH or not set(key_id) <= set(ALPHABET):
        raise NotFound("There is no key with this id.")
    return key_id
