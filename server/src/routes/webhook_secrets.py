"""Webhook secrets of the caller's account, and the public keys that a receiver verifies with."""

from datetime import timedelta
from typing import Annotated

import orjson
from fastapi import APIRouter, Path, Request, Response

from src.controllers import webhook_secrets_controller
from src.routes.http.audit import note_change
from src.routes.http.dependencies import CallerDependency, PartsDependency
from src.routes.http.problems import responses
from src.routes.http.strict_json import OptionalBodyRoute
from src.routes.http.strict_query import PlainRoute
from src.routes.wire.webhook_secrets import JwkSet, RotateSecretRequest, WebhookSecretItem, WebhookSecretList
from src.services.identity.caller import Caller

SECRETS_ROUTE = "/api/webhook-secrets"
#: A receiver that caches a set longer may miss a rotation.
PUBLISHED = {"cache-control": "public, max-age=300"}


class JwkSetResponse(Response):
    """A JWK set (RFC 7517, 8.5.2)."""

    media_type = "application/jwk-set+json"


router = APIRouter(tags=["Keys"], route_class=PlainRoute)
rotating = APIRouter(tags=["Keys"], route_class=OptionalBodyRoute)


@router.get(SECRETS_ROUTE, response_model=WebhookSecretList, responses=responses(503))
async def list_webhook_secrets(caller: CallerDependency, parts: PartsDependency) -> WebhookSecretList:
    """Read the secrets that sign the callbacks of your account, newest first. Nobody else sees them."""
    secrets = await webhook_secrets_controller.read(parts, _account_of(caller))
    return WebhookSecretList(
        secrets=[WebhookSecretItem.model_validate(one) for one in secrets],
        public_keys_url=parts.webhooks.public_keys.url(secrets[0].key_set),
    )


@rotating.post(
    f"{SECRETS_ROUTE}/rotate",
    status_code=201,
    response_model=WebhookSecretItem,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}, "description": "Where the secrets are."}}},
        **responses(400, 409, 413, 415, 422, 503),
    },
)
async def rotate_webhook_secret(
    request: Request,
    response: Response,
    caller: CallerDependency,
    parts: PartsDependency,
    body: RotateSecretRequest | None = None,
) -> WebhookSecretItem:
    """Create a new secret, and a new `v1a` key with it. Until the overlap ends callbacks carry both signatures.

    At most 5 secrets sign at once; beyond that it is 409.
    """
    overlap = timedelta(hours=(body or RotateSecretRequest()).overlap_hours)
    secret = await webhook_secrets_controller.rotate(parts, _account_of(caller), overlap)
    note_change(request, caller, "rotated the webhook secret")
    response.headers["location"] = SECRETS_ROUTE
    return WebhookSecretItem.model_validate(secret)


@router.get(
    "/.well-known/webhook-keys/{set}",
    response_class=JwkSetResponse,
    responses={200: {"model": JwkSet, "description": "The keys."}, **responses(404, 503)},
)
async def get_public_webhook_keys(
    parts: PartsDependency,
    key_set: Annotated[str, Path(alias="set", description="The name of an account's set, from `public_keys_url`.")],
) -> Response:
    """Read the Ed25519 keys that sign `v1a` for an account, as a JWK set. Open to everybody; good for 5 minutes."""
    keys = await parts.webhooks.public_keys.of(key_set)
    return JwkSetResponse(orjson.dumps({"keys": keys}), headers=PUBLISHED)


def _account_of(caller: Caller) -> str:
    assert caller.owner.account is not None  # noqa: S101  the scope is refused to whoever has none
    return caller.owner.account
