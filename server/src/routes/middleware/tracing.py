"""Traces what changes something; present only where traces are exported."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.routes.http.problems import INSTANCE_LENGTH_MAX, instance_of
from src.services.tracing.protocol import Tracing
from src.trace_context import TraceContext, current_trace

HEADER = b"traceparent"


class TracingMiddleware:
    """Records each POST as a span, below that of its caller. What is only read would outnumber it.

    Args:
        app: what comes after.
        tracing: records spans.
    """

    def __init__(self, app: ASGIApp, *, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and record."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        path = instance_of(scope)[:INSTANCE_LENGTH_MAX]
        call = self._tracing.begin_call(_parent(scope["headers"]), "POST", path, scope["scheme"])
        current_trace.set(call.context)  # never reset: each call has its own task
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            call.end(scope["route"].path if "route" in scope else None, status)


def _parent(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """Read the caller's span; one that is malformed or sent twice is ignored (W3C Trace Context, 3.2)."""
    given = [value for name, value in headers if name == HEADER]
    return TraceContext.parse(given[0].strip(b" \t").decode("latin-1")) if len(given) == 1 else None
