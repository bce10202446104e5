"""`X-Request-ID`: the id of one HTTP call, returned in the response and part of every log line about the call.

It is not the `request_id` of a report: requesting the same report twice is two calls.
"""

import logging
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.logs import call_id, new_call_id
from src.routes.http.problems import INSTANCE_LENGTH_MAX, instance_of

HEADER = b"x-request-id"
#: The second one rejects a WebSocket before its upgrade.
_RESPONSE_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger(__name__)


class CallIdMiddleware:
    """Uses the caller's id if it is well-formed, otherwise generates one; while debugging, logs every call."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        id_bytes = given if _GIVEN.fullmatch(given) else new_call_id().encode("ascii")
        # Never reset: each call has its own task, and the server logs an error of the app after we have returned.
        call_id.set(id_bytes.decode("ascii"))
        began_s = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] in _RESPONSE_STARTS:
                message["headers"] = [*message.get("headers", ()), (HEADER, id_bytes)]
                if scope["type"] == "http" and log.isEnabledFor(logging.DEBUG):
                    path, took_ms = instance_of(scope)[:INSTANCE_LENGTH_MAX], (time.perf_counter() - began_s) * 1000
                    log.debug("%s %s: %d after %.0f ms", scope["method"], path, message["status"], took_ms)
            await send(message)

        await self._app(scope, receive, send_with_id)
