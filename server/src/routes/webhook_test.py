"""The demo receiver: takes callbacks of this server, and can be told to fail."""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from src.controllers import demo_controller, webhook_secrets_controller
from src.routes.http.dependencies import OwnerDependency, PartsDependency
from src.routes.http.problems import problem, responses
from src.routes.http.strict_query import PlainRoute
from src.services.demo.receiver import HANG_MAX_S, Simulation
from src.services.identity.caller import Owner

#: RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5: bytes after such a head would be taken for the next answer.
WITHOUT_BODY = frozenset({204, 205, 304})

router = APIRouter(prefix="/api/callbacks", tags=["Demo receiver"], route_class=PlainRoute)


class ReceiveAnswer(BaseModel):
    """The callback was taken."""

    received: bool


class SimulationAnswer(BaseModel):
    """How the receiver misbehaves now."""

    model_config = ConfigDict(from_attributes=True)

    enabled: bool
    hang: bool
    fail_next: int
    failure_rate: float
    status_code: int


class SecretAnswer(BaseModel):
    """A Standard Webhooks secret."""

    secret: str


class ReceivedCallback(BaseModel):
    """One callback as the receiver saw it."""

    model_config = ConfigDict(from_attributes=True)

    received_at: datetime
    webhook_id: str | None
    signature_valid: bool
    signature_error: str | None
    answered: int | None
    headers: dict[str, str]
    raw_body: str
    body: Any


class HistoryAnswer(BaseModel):
    """The last callbacks, newest first."""

    count: int
    callbacks: list[ReceivedCallback]


class HistoryDeletedAnswer(BaseModel):
    """What was remembered is forgotten."""

    deleted: bool
    count: int


@router.post(
    "/receive",
    response_model=ReceiveAnswer,
    responses={**responses(401, 413, 500, 503), "default": {"description": "Whatever status the simulation was told."}},
)
async def receive_callback(request: Request, parts: PartsDependency) -> Response | ReceiveAnswer:
    """Verify a callback's signature, remember it, and answer as the simulation says."""
    body = await request.body()
    account = await demo_controller.account_of(parts, request.headers.get("webhook-id", ""))
    signer = await parts.webhooks.signers.of(Owner(account))
    received = parts.demo_receivers.of(account).receive(signer, request.headers, body)
    if received.signature_error:
        return problem(401, "signature-refused", received.signature_error, request.url.path)
    if received.answered is None:
        await _hang(request)
        return problem(503, "simulated-failure", "The receiver was told to hang.", request.url.path)
    if received.answered in WITHOUT_BODY:
        return Response(status_code=received.answered)
    if received.answered != 200:
        return Response(b'{"received":false}', received.answered, media_type="application/json")
    return ReceiveAnswer(received=True)


@router.get("/history", response_model=HistoryAnswer)
async def get_callback_history(parts: PartsDependency, owner: OwnerDependency) -> HistoryAnswer:
    """Read the last of your callbacks that the demo receiver got, newest first."""
    received = parts.demo_receivers.of(owner.account).received
    return HistoryAnswer(count=len(received), callbacks=[ReceivedCallback.model_validate(one) for one in received])


@router.delete("/history", response_model=HistoryDeletedAnswer)
async def delete_callback_history(parts: PartsDependency, owner: OwnerDependency) -> HistoryDeletedAnswer:
    """Forget which of your callbacks the demo receiver got."""
    return HistoryDeletedAnswer(deleted=True, count=parts.demo_receivers.of(owner.account).forget())


@router.get("/signing-secret", response_model=SecretAnswer, responses=responses(503))
async def get_signing_secret(parts: PartsDependency, owner: OwnerDependency) -> SecretAnswer:
    """Read the secret that signs your callbacks, to check a signature by hand. Only with the demo tools."""
    return SecretAnswer(secret=await webhook_secrets_controller.newest(parts, owner))


@router.get("/simulate-failures", response_model=SimulationAnswer)
async def get_simulation(parts: PartsDependency, owner: OwnerDependency) -> SimulationAnswer:
    """Read how the demo receiver misbehaves towards your callbacks."""
    return SimulationAnswer.model_validate(parts.demo_receivers.of(owner.account).simulation)


@router.post("/simulate-failures", response_model=SimulationAnswer, responses=responses(422))
async def set_simulation(
    parts: PartsDependency,
    owner: OwnerDependency,
    enabled: Annotated[bool, Query(description="Whether any of it applies.")] = True,
    failure_rate: Annotated[float, Query(ge=0, le=1, allow_inf_nan=False, description="Share that fails.")] = 0,
    status_code: Annotated[int, Query(ge=200, le=599, description="What failing means.")] = 500,
    fail_next: Annotated[int, Query(ge=0, le=1000, description="So many of the next callbacks fail.")] = 0,
    hang: Annotated[bool, Query(description="Do not answer at all.")] = False,
) -> SimulationAnswer:
    """Make the demo receiver fail your callbacks: a share, the next few, with which status, or by hanging."""
    receiver = parts.demo_receivers.of(owner.account)
    receiver.simulation = Simulation(
        enabled=enabled, hang=hang, fail_next=fail_next, failure_rate=failure_rate, status_code=status_code
    )
    return SimulationAnswer.model_validate(receiver.simulation)


async def _hang(request: Request) -> None:
    """Answer nothing until the sender gives up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_MAX_S):
            while (await request.receive())["type"] != "http.disconnect":
                pass
