"""Looking at a callback URL before anything is submitted with it."""

from fastapi import APIRouter, Request

from src.controllers import callback_checks_controller
from src.routes.http.dependencies import PartsDependency, caller_of
from src.routes.http.problems import responses
from src.routes.http.strict_query import PlainRoute
from src.routes.wire.callback_checks import CallbackCheckAnswer, CallbackCheckRequest

CHECK_ROUTE = "/api/callbacks/check"
#: Of one caller. It needs no setting: it is looked at by people, and each may make us dial.
CHECKS_RATE = "10/minute"

router = APIRouter(prefix="/api", tags=["Submit"], route_class=PlainRoute)


@router.post("/callbacks/check", response_model=CallbackCheckAnswer, responses=responses(400, 413, 415, 422, 429, 503))
async def check_callback_url(
    body: CallbackCheckRequest, request: Request, parts: PartsDependency
) -> CallbackCheckAnswer:
    """Report which rules a callback URL satisfies, and whether it may be submitted; nothing is stored.

    Without `ping` no name is looked up and no connection made. With it one `test.ping` is sent, signed like a
    callback and under the same rules, deadline and pace.
    """
    verdict, pinged = await callback_checks_controller.check(
        parts.pinger, caller_of(request), body.callback_url, ping=body.ping
    )
    return CallbackCheckAnswer.of(verdict, pinged)
